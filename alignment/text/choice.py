r"""Read an answer: return the option that a text affirms, in any markup, or None where it does not affirm one.

Precision comes first. An option counts only where it stands in a box, in a statement or bare
(`alignment/text/frames.py`), and not in a question, a condition, a quotation or a report of what others say, beside
another option ("either A or B"), with a hedge ("possibly B") or before a rejection ("B is wrong"). Every other option
letter is *rejected* ("not A", "Eliminated: (A), (C)"), part of *a term* ("blood group B";
`alignment/text/option_letters.py`) or *a mention*. The text chooses an option if everything that counts names this one
option, nothing rejects it or takes it back, and no other option is merely mentioned behind it (where the answer is
bare: anywhere).

The rules are a reconstruction. On 4153 published model answers to 2090 questions (MedMCQA, development) 23 % affirm an
option in this sense, and it is the one that the answer was scored by in 99.8 % of those. Time is linear.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from alignment.text import answer_words as words
from alignment.text.frames import Frame, find_frames, precedes_noun
from alignment.text.option_letters import OptionLetters, Options

_REACH = 80  # tokens of its sentence that are searched for a condition or a rejection, so that time stays linear
_CLAUSE_ENDS = frozenset((",", ":", "and", "but", "(", "→", "\n"))
_AUTHORS = frozenset(("i", "i'd", "we", "we'd"))
_REPORTED = words.NEGATIONS | {"may", "might", "could", "used", "first", "to"}  # "I used to think"
_RESULTS = frozenset(("so", "therefore", "thus", "hence"))


class Choice(NamedTuple):
    """The option that a text affirms."""

    letter: str
    boxed: bool  # in a box, at least once
    start: int  # the character offset of its letter where it is affirmed last


def read_choice(text: str, options: Options, truncated: bool = False) -> Choice | None:
    """Return the one option that `text` affirms, or None where it affirms none, several, or takes it back.

    Args:
      text: what is to be read, such as the body of an answer block.
      options: the option letters, or a mapping from each letter to the option's text, which may then stand behind its
        letter whatever it says ("D. None of the above").
      truncated: the text was cut, so that its last sentence may have been going to say something else.
    """
    read = OptionLetters.of(text, options)
    if any(token.boxed and not letter for token, letter in zip(read.tokens, read.letter, strict=True)):
        return None
    frames = [frame for frame in find_frames(read) if _is_asserted(read, frame, truncated)]
    kinds = {frame.kind for frame in frames}
    listed = {read.letter[frame.index] for frame in frames if frame.kind == "bare"}
    # A bare line does not count beside a box, nor where bare lines list several options and a statement chooses one.
    if "box" in kinds or "statement" in kinds and len(listed) > 1:
        frames = [frame for frame in frames if frame.kind != "bare"]
    frames = [frame for frame in frames if not read.denied[frame.index]]
    chosen = {read.letter[frame.index] for frame in frames}
    # No alternative, condition, doubt or rejection may stand beside the option in its sentence.
    frames = [frame for frame in frames if not _is_qualified(read, frame.index, *read.sentences[frame.index])]
    if len(chosen) != 1 or not frames or _is_taken_back(read, chosen.pop(), frames):
        return None
    last = frames[-1].index
    return Choice(read.letter[last], any(frame.kind == "box" for frame in frames), read.tokens[last].start)


# ------------------------------------------------------------------------------------------------- the sentence itself


def _is_asserted(read: OptionLetters, frame: Frame, truncated: bool) -> bool:
    """Whether the text itself says so: in no question, condition, quotation or report of what others say."""
    index, (start, end) = frame.index, read.sentences[frame.index]
    behind, opened = read.skip_ahead(index + 1, words.CLOSERS, end), read.quotes[index]
    asks = "?" in (read.word(at) for at in range(max(behind, end - 3), end))
    if asks or opened >= 0 and (frame.kind == "box" or opened != index - 1):
        return False
    if frame.kind != "box":
        if truncated and end == len(read):
            return False
        # A word that belongs to the letter may follow without a sign: "the answer is B cells", not "(B) Aspirin".
        word = read.tokens[behind].word if index < behind < end else ""
        names_option = behind > index + 1 and (word[:1].isupper() or read.word(index + 1) not in (")", "]"))
        in_term = word[:1].isalnum() and word.lower() not in words.FOLLOWERS and not names_option
        if in_term and not precedes_noun(read, index):
            return False
    return not _is_conditional(read, frame, start)


def _is_conditional(read: OptionLetters, frame: Frame, start: int) -> bool:
    """Whether the sentence, since its last "so" or "therefore", makes a condition or reports what others say."""
    subordinate, clause = False, True
    for at in range(frame.index - 1, max(start, frame.index - _REACH) - 1, -1):
        word = read.word(at)
        if word in _RESULTS and read.word(at - 1) not in ("if", "even", "or"):
            return False
        reports = word == "g" and read.word(at - 2) == "e"  # "e.g."
        if word in words.REPORTS:
            near = {read.word(inner) for inner in range(at - 3, at)}
            by_author = word in ("say", "think", "believe") and not near.isdisjoint(_AUTHORS)  # "I would say"
            reports = not (by_author and near.isdisjoint(_REPORTED))
        if reports or word in words.CONDITIONS or at == start and word in words.ELSEWHERE:
            return True
        clause = clause and word not in _CLAUSE_ENDS
        if clause and frame.kind == "box" and (word in words.NEGATIONS or word in ("worst", "least")):
            return True
        if clause and (word in words.DENIES_CLAUSE or (word, read.word(at + 1)) in words.NO_WAY):
            return True
        if subordinate and word in words.NEGATIONS:  # "it is unlikely that the answer is A", "Not this one: A"
            return True
        subordinate = subordinate or word in ("that", "to", ":")
    return False


def _joins_option(read: OptionLetters, index: int, end: int) -> bool:
    """Whether another option is offered behind this one: "A or possibly B", "B, C"."""
    at = read.skip_ahead(index + 1, words.CLOSERS, end)
    compares = at < end and read.word(at) in ("vs", "versus")
    if at < end and not read.letter[at] and read.word(at) in words.ALTERNATIVES | {","}:
        at += 1
        while at < end and not read.letter[at] and read.word(at) in words.HEDGES | words.FILLERS | words.JOINERS:
            at += 1
    other = read.letter[at] if at < end else ""
    return other not in ("", read.letter[index]) and (compares or not read.denied[at])


def _joined_to_option(read: OptionLetters, index: int, start: int) -> bool:
    """Whether the option is the second of two: "either A or B", "A and a box with B"."""
    before = read.skip(index - 1, words.FILLERS | words.HEDGES, max(start, index - _REACH))
    if before < start:
        return False
    behind_option = before > start and read.letter[before - 1] != ""
    return read.word(before) in ("or", "nor", "/", "vs", "versus") or read.word(before) == "and" and behind_option


def _is_qualified(read: OptionLetters, index: int, start: int, end: int) -> bool:
    """Whether the sentence offers an alternative, makes a condition behind the option or takes the option back."""
    if _joins_option(read, index, end) or _joined_to_option(read, index, start):
        return True
    rest = range(index + 1, min(end, index + _REACH))
    favours = any(read.word(at) in words.FAVOUR for at in rest)
    denies = reasons = False
    if read.word(index + 1) in words.VERBS - words.BE:
        return True
    for at in rest:
        word, other = read.word(at), read.letter[at]
        if other and other != read.letter[index] and not (read.denied[at] or (denies or reasons) and not favours):
            return True
        if word in words.CONDITIONS or not reasons and _takes_back(read, at):
            return True
        reasons, denies = reasons or _gives_reason(read, at), denies or word in words.AGAINST
    return False


def _gives_reason(read: OptionLetters, at: int) -> bool:
    """Whether a reason begins here, and not what the option is chosen for: "I choose B as the worst"."""
    word, after = read.word(at), read.word(at + 1)
    if word == "as" and after in ("the", "a", "an", "my") and not read.letter[at + 1]:
        return False
    return word in words.REASONS and not (word == "for" and after in ("elimination", "exclusion"))


def _takes_back(read: OptionLetters, at: int) -> bool:
    """Whether a word takes back what stands before it, and does not speak against an option behind it."""
    word = read.word(at)
    if word == "no":
        return not read.word(at + 1)[:1].isalpha()
    if word in words.CERTAIN:
        return read.word(at - 1) in words.NEGATIONS
    near = range(at + 1, min(at + 7, read.sentences[at][1]))
    return word in words.TAKEN_BACK and not any(read.letter[inner] and read.denied[inner] for inner in near)


# ------------------------------------------------------------------------------------------------ the rest of the text


def _is_taken_back(read: OptionLetters, letter: str, frames: Sequence[Frame]) -> bool:
    """Whether the text rejects the option, corrects itself behind it, or mentions another one where it may not."""
    last, kinds = frames[-1].index, {frame.kind for frame in frames}
    for index, other in enumerate(read.letter):
        start, end = read.sentences[index]
        if other == letter and read.denied[index]:
            # "D. Not before surgery" and "D. None of the above", in front of a box, do not speak against D.
            heads_line = index == start and read.word(index + 1) in (".", ")", ":")
            if not ("box" in kinds and heads_line and read.word(index + 2) in ("no", "not", "never", "less")):
                return True
        if kinds == {"bare"} and read.tokens[index].word != letter and read.may_be_option(index):
            return True
        if other in ("", letter) or read.denied[index]:
            continue
        if kinds == {"bare"}:
            return True
        if index > last:  # behind the answer another option may stand only where the sentence speaks against it
            near = {read.word(at) for at in range(max(start, index - _REACH), min(end, index + _REACH))}
            if words.AGAINST.isdisjoint(near) or not words.FAVOUR.isdisjoint(near):
                return True
    start, end = read.sentences[frames[0].index]
    if kinds == {"bare"} and start:
        # The sentence in front of a bare letter may say that there is no answer: "I don't know. B".
        near = range(max(read.sentences[start - 1][0], start - 2 * _REACH), start)
        pairs = [(read.word(at - 1), read.word(at)) for at in near]
        if any(pair in words.NO_ANSWER or pair[1] in words.DOUBTS for pair in pairs):
            return True
    while end < len(read):  # the sentences behind
        start, end = read.sentences[end]
        if _corrects(read, start, end):
            return True
    return False


def _corrects(read: OptionLetters, start: int, end: int) -> bool:
    """Whether a sentence takes back the ones before it: "No, wait", "That cannot be right", "I am not sure"."""
    indices = [at for at in range(start, end) if read.word(at)[:1].isalnum() or read.word(at) == "✗"]
    sentence = [read.word(at) for at in indices]
    if not sentence or sentence[0] == "no" and not read.word(indices[0] + 1)[:1].isalnum():
        return bool(sentence)
    if sentence[0] == "or" or len(sentence) < 3 and read.word(end - 1) == "?":  # "Or is it?", "Really?"
        return True
    crossed = sentence[0] == "✗" and not any(read.letter[at] for at in indices[1:2])  # and no "✗ C" of a list
    if crossed or sentence[0] in words.CORRECTIONS or sentence[0] == "not" and len(sentence) < 3:
        return True
    pairs = set(itertools.pairwise(sentence))
    unsure = any(word in words.CERTAIN and before in words.NEGATIONS for before, word in pairs)
    if unsure or pairs & words.SECOND_THOUGHTS or not words.DOUBTS.isdisjoint(sentence):
        return True
    return any(_is_not_so(sentence[at + 1 : at + 5]) for at, word in enumerate(sentence) if word in words.THAT)


def _is_not_so(predicate: Sequence[str]) -> bool:
    """Whether what is said of "this" or "that" is "is wrong", "cannot be right", "does not fit"."""
    verb, after, *_ = (*predicate, "", "")
    if verb in ("is", "was") and after in words.NOT_SO:
        return True
    if verb in ("isn't", "wasn't", "cannot", "can't") or verb in ("is", "was") and after == "not":
        return not words.SO.isdisjoint(predicate)
    return (verb == "doesn't" or (verb, after) == ("does", "not")) and not words.FIT.isdisjoint(predicate)
