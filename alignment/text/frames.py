"""Where an option stands in a text as an answer does: in a box, in a statement, or bare.

A *statement* is "the answer is B", "Conclusion: (B)", "B is the correct answer", "I choose option B", "it is B"; a line
or a last sentence is *bare* that holds "B", "(B).", "B) Aspirin" or "Therefore, option B" alone. Only these count, so
that a mention in other words is never taken for an answer. Every look around a letter is bounded: linear time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from alignment.text import answer_words as words
from alignment.text.option_letters import LOOK, OptionLetters

_FILLERS = words.FILLERS - {":"}
_FIRST_PERSON = frozenset(("i", "we", "i'd", "i'll", "we'll"))


class Frame(NamedTuple):
    """An option letter in the position of an answer: the index of its token, and "box", "statement" or "bare"."""

    index: int
    kind: str


def find_frames(text: OptionLetters) -> Iterator[Frame]:
    """Yield the positions in `text` where an option stands as an answer does, in order."""
    for index, letter in enumerate(text.letter):
        if not letter:
            continue
        if text.tokens[index].boxed:
            yield Frame(index, "box")
        elif any(states(text, index) for states in (_follows_noun, _follows_verb, precedes_noun, _has_verdict)):
            yield Frame(index, "statement")
        elif _is_bare(text, index):
            yield Frame(index, "bare")


def _follows_noun(text: OptionLetters, index: int) -> bool:
    """Whether "the answer (to the question) is (therefore option)", "Correct answer:" or the like stands in front."""
    first = max(text.sentences[index][0], index - 2 * LOOK)
    at = text.skip(index - 1, _FILLERS - {"likely"}, first)
    if text.word(at) == "likely" and text.word(at - 1) == "most":
        at = text.skip(at, _FILLERS, first)
    if at < first:
        return False
    link = text.word(at)
    if link in words.FOREIGN_STATEMENTS:
        return _starts_phrase(text, at - 1, first)
    if link in words.LINKS:
        return _is_noun_phrase(text, text.skip(at - 1, words.CLOSERS | words.BE, first), first, colon=True)
    if link not in words.BE:
        return False
    at = text.skip(at - 1, words.ADVERBS | words.MODALS, first)
    if _is_best_step(text, at, first):
        return True
    if at >= first and text.word(at) == "would":
        # "Thus the most appropriate choice would be" and no more: not "in pregnancy it would be".
        plain = words.CONNECTIVES | words.DETERMINERS | words.PRAISE | words.NOUNS | words.NOUN_TO_LINK | {","}
        if first != text.sentences[at][0] or any(text.word(inner) not in plain for inner in range(first, at)):
            return False
        at -= 1
    return _is_noun_phrase(text, text.skip(at, words.NOUN_TO_LINK - words.NOUNS, first), first, colon=False)


def _is_best_step(text: OptionLetters, at: int, first: int) -> bool:
    """Whether a sentence begins with no more than "So the most appropriate next step in management", up to `at`."""
    if at < first or text.word(at) not in words.STEPS - {"next", "initial", "in", "of"} or speaks_of_terms(text):
        return False
    before = text.skip(at, words.STEPS, first)
    praise = text.skip(before, words.PRAISE, first)
    head = text.skip(praise, words.DETERMINERS, first)
    opening = text.skip(head, words.CONNECTIVES | {","}, first)
    likely = before > praise and {text.word(inner) for inner in range(praise + 1, before + 1)} != {"likely"}
    return likely and opening < first == text.sentences[at][0]


def _is_noun_phrase(text: OptionLetters, at: int, first: int, colon: bool) -> bool:
    """Whether a phrase for the answer ends at `at`: "the (most appropriate) answer", "my choice", "Answer"."""
    noun = text.word(at) if at >= first else ""
    if colon and noun in words.PRAISE | words.FOREIGN_NOUNS:
        before = text.skip(at, words.PRAISE | words.FOREIGN_NOUNS | words.DETERMINERS, first)
        praise = {text.word(inner) for inner in range(before + 1, at + 1)} - words.DETERMINERS
        return not praise <= {"likely", "probable"} and _starts_phrase(text, before, first)
    if noun not in words.NOUNS:
        return False
    at = text.skip(at - 1, words.NOUNS, first)
    before = text.skip(at, words.PRAISE, first)
    if before >= first and text.word(before) in words.DETERMINERS:
        return colon or before != at or noun in words.DEFINITE_NOUNS
    return _starts_phrase(text, before, first) and (colon or before != at or noun in ("answer", "ans"))


def _starts_phrase(text: OptionLetters, before: int, first: int) -> bool:
    """Whether what follows `before` begins a phrase: a sign, a word such as "therefore", or nothing stands there.

    No phrase begins inside a word ("non-answer", "(in)correct") or behind a word in quotation marks (the "correct").
    """
    sign, ahead = text.word(before), text.word(before - 1) if before > first else ""
    joined = sign in ("-", ")") and before + 1 < len(text) and text.tokens[before + 1].glued
    if ahead[:1].isalnum() and (joined or sign in ('"', "'")):
        return False
    return before < first or not text.word(before)[:1].isalnum() or text.word(before) in words.CONNECTIVES


def _follows_verb(text: OptionLetters, index: int) -> bool:
    """Whether "I (would) choose", "Select", "it is" or "it must be" stands in front."""
    first = max(text.sentences[index][0], index - LOOK)
    at = text.skip(index - 1, _FILLERS, first)
    verb = text.word(at) if at >= first else ""
    if verb in words.CHOOSE:
        before = text.skip(at - 1, words.CHOOSE_AFTER, first)
        subject = {text.word(inner) for inner in range(before + 1, at)}
        if verb in ("with", "for"):
            return not subject.isdisjoint(("go", "going", "opt")) and _starts_phrase(text, before, first)
        imperative = verb in ("choose", "pick", "select") and _starts_phrase(text, before, first)
        warns = text.word(index + 1) in ("and", "or")  # "Choose B and you lose"
        return imperative and not warns or not subject.isdisjoint(_FIRST_PERSON)
    if verb == "be" and text.word(at - 1) == "must":
        verb, at = "is", at - 1
    if verb == "is" and text.word(at - 1) == "it":
        verb, at = "it's", at - 1
    return verb == "it's" and at >= first and _starts_phrase(text, at - 1, first) and not speaks_of_terms(text)


def speaks_of_terms(text: OptionLetters) -> bool:
    """Whether a letter may complete a term of the text: "His blood group is rare. It is B."."""
    return not text.vocabulary.isdisjoint(words.TERMS)


def precedes_noun(text: OptionLetters, index: int) -> bool:
    """Whether "is (therefore the most likely) answer", "is correct" or the like stands behind."""
    end = min(text.sentences[index][1], index + LOOK)
    at = text.skip_ahead(index + 1, words.CLOSERS, end)
    if at >= end or text.word(at) not in ("is", "remains"):
        return False
    first = text.skip_ahead(at + 1, words.ADVERBS, end)
    at = text.skip_ahead(first, words.PRAISE | words.DETERMINERS, end)
    praise = {text.word(inner) for inner in range(first, at)}
    if at < end and text.word(at) == "answer":
        praised = bool(praise)
    else:  # "B is the most likely one", and neither "B is likely" nor "B is the only one"
        praised = not praise <= {"likely", "most", "only", "single", "the"} or {"most", "likely"} <= praise
    if not praised or "likely" in praise and "most" not in praise or not _heads_clause(text, index):
        return False
    at = text.skip_ahead(at, words.SUBJECTS, end)
    if at >= end:
        return True
    # Nothing may follow that narrows the statement, as in "A is the answer to another question".
    word, beyond = text.word(at), {text.word(at + 1), text.word(at + 2)}
    if word in ("to", "for", "in"):
        return not beyond.isdisjoint(("this", "the")) and not beyond.isdisjoint(("question", "case", "patient"))
    return not word[:1].isalnum() or word in ("because", "since", "as", "and", "but", "here", "given")


def _heads_clause(text: OptionLetters, index: int) -> bool:
    """Whether the option is the subject of a main clause, and no part of "vitamin C" or of a list."""
    first = text.sentences[index][0]
    at = text.skip(index - 1, _FILLERS, max(first, index - LOOK))
    if text.word(at) == "only" and text.word(at - 1) != "not":
        at -= 1
    joined = words.CONNECTIVES | words.NOUNS | {":", ",", "that", "but", "-", "and"}
    return at < first or text.word(at) in joined


def _has_verdict(text: OptionLetters, index: int) -> bool:
    """Whether the line is no more than "B: right", "B ✓" or "✓ B", in a list that rejects other options."""
    start, end = text.sentences[index]
    if not text.rejects or end - start > 2 * LOOK:
        return False
    last = text.skip(end - 1, words.CLOSERS - {"✓"} | {"\n", ".", "|"}, index)
    between = [text.word(at) for at in range(index + 1, last)]
    before = [text.word(at) for at in range(start, index)]
    heads = set(before) <= words.FILLERS - words.ADVERBS - {"likely"}
    if heads and last == index:
        return before[:1] == ["✓"]
    return heads and text.word(last) in words.AFFIRMED_AFTER and set(between) <= set("|:.-,()=") | words.BE


def _is_bare(text: OptionLetters, index: int) -> bool:
    """Whether the sentence up to the letter is no more than "Therefore, option (", and the rest a text of its own."""
    start, end = text.sentences[index]
    if index - start > 2 * LOOK:
        return False
    before = [text.word(at) for at in range(start, index)]
    if "likely" in before or not set(before) <= words.FILLERS | words.CONNECTIVES | {",", "my"}:
        return False
    if "," in before and not set(before) & words.CONNECTIVES:
        return False
    if ":" in before and (before[-1] != ":" or set(before).isdisjoint(words.NOUNS | words.CONNECTIVES)):
        return False
    opens_line = start == 0 or text.word(start - 1) == "\n"
    closes_text = end + 4 >= len(text) and all(text.word(at) in ("\n", ".", ")") for at in range(end, len(text)))
    closing = closes_text and not speaks_of_terms(text) and text.word(start - 2) not in ("no", "nope")
    alone = not _goes_on(text, start) if opens_line else closing
    return alone and _has_clean_tail(text, index, end)


def _goes_on(text: OptionLetters, start: int) -> bool:
    """Whether a line may complete the one above, which has no sign at its end: "It is not" above "A"."""
    end = start
    while end > 0 and text.word(end - 1) == "\n":
        end -= 1
    if not end or text.word(end - 1) in (".", "!", "?", ";", "✗", "✓"):
        return False
    line = range(text.sentences[end - 1][0], end)
    return text.word(end - 1) in words.ALTERNATIVES or any(text.word(at) in words.NOT_BARE | words.TERMS for at in line)


def _has_clean_tail(text: OptionLetters, index: int, end: int) -> bool:
    """Whether a sign and the option's own words follow, or a reason, without a word of doubt or rejection."""
    at = text.skip_ahead(index + 1, words.CLOSERS, end)
    sign, after = text.word(at), text.word(at + 1) if at + 1 < end else ""
    if at >= end or sign in ("\n", "!") or _rejects_others(text, index, at, end):
        return True
    if sign == ",":
        if after not in words.REASONS | {"not", "rather"}:
            return False
    elif sign in (".", ":", "-"):
        glued = sign == "-" and text.tokens[at].glued and at + 1 < end and text.tokens[at + 1].glued
        ends = after in ("\n", "(", '"') or after == "." != sign  # "B: Heparin." without the option's text
        if glued or after and not after[0].isalnum() and not ends:
            return False
    elif at == index + 1:
        if sign not in ("because", "since", "as", "("):
            return False
    else:  # behind "A)" or "(A)" the option's own text may begin, but not the rest of a sentence about the option
        word = text.tokens[at].word
        begins = word[:1].isupper() or word[:1].isalpha() and text.word(index - 1) not in ("(", "[")
        if sign in words.ALTERNATIVES or not word.isascii() or not begins:
            return False
    rest = [text.word(inner) for inner in range(at, end)]
    return words.NOT_BARE.isdisjoint(rest) and not any(word.startswith("\\") for word in rest)


def _rejects_others(text: OptionLetters, index: int, at: int, end: int) -> bool:
    """Whether no more than the rejection of other options follows: "B, not A", "B (not A)", "B rather than A"."""
    rest = range(at, min(end, at + 2 * LOOK))
    others = [inner for inner in rest if text.letter[inner]]
    plain = words.BEFORE_REJECTED | words.TO_REJECTED | {"rather", ".", "\n"}
    return (
        len(rest) == end - at
        and others != []
        and all(text.denied[inner] and text.letter[inner] != text.letter[index] for inner in others)
        and all(text.word(inner) in plain for inner in rest if not text.letter[inner])
    )
