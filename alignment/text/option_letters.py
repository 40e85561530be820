"""Which tokens of a text are letters of its question's options, and which of these it rejects in so many words.

"Blood group B", "vitamin C", "hepatitis B", "B cells" and the article of "A 45-year-old" end in a letter or begin with
one and name no option. Every token is looked at a bounded number of times: time is linear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from alignment.text import answer_words as words
from alignment.text.dress import Token, stands_alone, undress

Options = Collection[str]

LOOK = 12  # tokens that are looked back from a letter
_LEAD = words.FILLERS - {":"} | {"final", "correct"}  # in a box, in front of its letter
_SIGNS = words.CLOSERS | frozenset(".:-,(")
_LISTED = frozenset((")", "]", ".", ":", "-", ",", "(", '"', "\n"))


@dataclasses.dataclass(frozen=True)
class OptionLetters:
    """The tokens of one text, in parallel lists."""

    tokens: Sequence[Token]
    options: Mapping[str, str]

    @classmethod
    def of(cls, text: str, options: Options) -> OptionLetters:
        """Read `text`; where `options` maps letters to texts, an option's text behind its letter is left out."""
        if not isinstance(options, Mapping):
            options = dict.fromkeys(options, "")
        tokens: list[Token] = []
        for token in undress(text):
            # No line end behind a colon: "Excluded:" and "A" below it mean the same as "Excluded: A".
            if token.word != "\n" or not tokens or tokens[-1].word != ":":
                tokens.append(token)
        return cls(_without_texts(tokens, options), options)

    def __len__(self) -> int:
        return len(self.tokens)

    def word(self, index: int) -> str:
        """The token in lower case; "" beyond the text."""
        return self.tokens[index].lower if 0 <= index < len(self.tokens) else ""

    def skip(self, index: int, among: Collection[str], first: int) -> int:
        """The last index from `index` down to `first` whose token is not `among` these; below `first` for none."""
        while index >= first and self.word(index) in among:
            index -= 1
        return index

    def skip_ahead(self, index: int, among: Collection[str], end: int) -> int:
        """The first index from `index` up whose token is not `among` these; `end` for none."""
        while index < end and self.word(index) in among:
            index += 1
        return index

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words of the text, in lower case."""
        return frozenset(token.lower for token in self.tokens)

    @cached_property
    def letter(self) -> list[str]:
        """The option letter that each token is, "" for any other word and for a box that holds anything else."""
        tokens = self.tokens
        return [
            self._boxed_letter(index) if token.boxed else token.word if self._names_option(index) else ""
            for index, token in enumerate(tokens)
        ]

    def _names_option(self, index: int) -> bool:
        return stands_alone(self.tokens, index, self.options) and not self._is_term(index)

    def _is_term(self, index: int) -> bool:
        before, after = self.word(index - 1), self.word(index + 1)
        if before[:1].isalpha() and before not in words.CUES and after not in words.PREDICATES or before in words.TERMS:
            return True
        lower = after[:1].isalpha() and self.tokens[index + 1].word[:1].islower()
        article = self.tokens[index].word in ("A", "I") and lower and after not in words.AFTER_OPTION
        species = after == "." and self.word(index + 2) in words.SPECIES
        return article or species or after in words.AFTER_TERM

    def may_be_option(self, index: int) -> bool:
        """Whether a letter that was taken for the end of a term may be an option after all: "Aspirin B) Heparin"."""
        before, after = self.word(index - 1), self.word(index + 1)
        if self.letter[index] or before in words.TERMS or after[:1].isalnum():
            return False
        return before[:1].isalpha() and stands_alone(self.tokens, index, self.options)

    def _boxed_letter(self, index: int) -> str:
        """The letter in a box that holds "B", "(B)", "Option B" or "B. Aspirin", and no sign beside these."""
        if self._is_boxed_term(index):
            return ""
        inner = OptionLetters(self.tokens[index].content or (), self.options)
        letters = [index for index, letter in enumerate(inner.letter) if letter]
        plain = all(other.word[:1].isalnum() or other.word in _SIGNS for other in inner.tokens)
        if not plain or len(letters) != 1:
            return ""
        before = {inner.word(at) for at in range(letters[0])}  # may say "Option", "(" or "The answer is"
        links = {":", "is"} if before & {"answer", "option", "choice"} else set()
        if not before <= _LEAD | links or "likely" in before and "most" not in before:
            return ""
        behind = inner.skip_ahead(letters[0] + 1, words.CLOSERS, len(inner))
        if behind < len(inner) and inner.word(behind) not in _SIGNS and behind == letters[0] + 1:
            return ""
        spoken = [inner.word(at) for at in range(behind, len(inner))]
        term = inner.word(0) == "(" and spoken[:1] != [] and not inner.tokens[behind].word[:1].isupper()
        return "" if term or not words.NOT_BARE.isdisjoint(spoken) else inner.letter[letters[0]]

    def _is_boxed_term(self, index: int) -> bool:
        """Whether the words around a box make its letter part of a term: "vitamin [B]", "[C]. difficile"."""
        after = self.tokens[index + 1] if index + 1 < len(self) else None
        numbered = after is not None and after.glued and after.word.isdigit()
        species = self.word(index + 1) == "." and self.word(index + 2) in words.SPECIES
        return numbered or species or self.word(index - 1) in words.TERMS or self.word(index + 1) in words.AFTER_TERM

    # --------------------------------------------------------------------------------------------------- sentences

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """[start, end) of the sentence of each token; the sign that ends a sentence is its last token."""
        starts, fresh = [0], False
        for index, token in enumerate(self.tokens):
            if fresh and token.word not in ("!", "?"):
                starts.append(index)
            ends = token.word in ("\n", ";", "!", "?") or token.word == "." and not self._is_inner_stop(index)
            fresh = ends and not token.boxed
        ends = [*starts[1:], len(self.tokens)]
        return [pair for pair in zip(starts, ends, strict=True) for _ in range(*pair)]

    def _is_inner_stop(self, index: int) -> bool:
        """Whether a full stop stands behind an abbreviation, or behind a letter at the head of a line: "B. Aspirin"."""
        if self.word(index - 1) in words.ABBREVIATED:
            return True
        head = self.skip(index - 1, words.FILLERS | words.CLOSERS, max(0, index - 6))
        if head < 0 or self.tokens[head].word not in self.options:
            return False
        before = self.skip(head - 1, words.FILLERS | words.CONNECTIVES | {","}, max(0, index - LOOK))
        return before < 0 or self.word(before) == "\n"

    @cached_property
    def quotes(self) -> list[int]:
        """Where the pair of double quotation marks around each token opens; -1 outside one."""
        marks = [index for index, token in enumerate(self.tokens) if token.word == '"']
        openings = [-1] * len(self)
        for first, last in zip(marks[::2], marks[1::2], strict=False):
            openings[first : last + 1] = [first] * (last + 1 - first)
        return openings

    # -------------------------------------------------------------------------------------------------- rejections

    @cached_property
    def denied(self) -> list[bool]:
        """Whether each token is a letter in a list that is rejected: "not A", "Eliminated: A, C", "A and C are out"."""
        before, behind, active = self._denied_before(), [False] * len(self), False
        for index in range(len(self) - 1, -1, -1):
            if self.letter[index]:
                active = behind[index] = active or self._is_denied_behind(index)
            elif self.word(index) not in words.JOINERS:
                active = False
        return [one or other for one, other in zip(before, behind, strict=True)]

    @cached_property
    def rejects(self) -> bool:
        """Whether the text rejects an option in so many words."""
        return any(self.denied)

    def _denied_before(self) -> list[bool]:
        flags, active, listing, predicate = [False] * len(self), False, False, False
        for index in range(len(self)):
            word = self.word(index)
            if self.letter[index]:
                flags[index] = listing = active
            elif word in words.BEFORE_REJECTED:
                active, listing, predicate = True, False, self._is_predicate(index)
            elif word == "," and predicate and not listing:  # "A is wrong, B is right"
                active = False
            else:
                goes_on = word in (words.JOINERS if listing else words.TO_REJECTED)
                clause = word == "," and listing and self._opens_clause(index + 1)
                active, listing = active and goes_on and not clause, listing and goes_on and not clause
        return flags

    def _is_predicate(self, at: int) -> bool:
        """Whether a word of rejection is what is said of the option in front of it: "A is wrong"."""
        return self.word(at) not in ("not", "never") and self.word(at - 1) in words.VERBS | words.ADVERBS

    def _opens_clause(self, index: int) -> bool:
        """Whether an option and its verb begin here: "not A, B is right"."""
        near = range(index, min(index + 6, len(self)))
        after = [self.word(at) for at in near if not self.letter[at] and self.word(at) not in words.JOINERS]
        return after[:1] != [] and after[0] in words.CLAUSE_VERBS

    def _is_denied_behind(self, index: int) -> bool:
        """Whether "is wrong", "(excluded)", ": no" and the like stand directly behind the option."""
        end = min(self.sentences[index][1], index + 8)
        direct = self.skip_ahead(index + 1, _SIGNS, end)
        at = self.skip_ahead(direct, words.VERBS | words.ADVERBS, end)
        word, after = self.word(at), self.word(at + 1)
        if at >= end or word not in words.REJECTED_AFTER or self._leads_to_option(at):
            return False
        if word == "no":  # "A: no", but "A. No treatment"
            return at == direct and not after[:1].isalpha()
        return word not in ("out", "does", "do") or after == "not"

    def _leads_to_option(self, at: int) -> bool:
        """Whether a word of rejection speaks against an option behind it: the "not" of "B, not option A"."""
        at, predicate = at + 1, self._is_predicate(at)
        if predicate and self.word(self.skip_ahead(at, {"out"}, len(self))) == ",":
            return False
        while at < len(self) and not self.letter[at] and self.word(at) in words.TO_REJECTED | {"than"}:
            at += 1
        return at < len(self) and self.letter[at] != ""


def denied_starts(text: str, options: Options) -> set[int]:
    """Return where in `text` the letters stand that it rejects in so many words: "not A", "B is excluded"."""
    read = OptionLetters.of(text, options)
    return {read.tokens[index].start for index, denied in enumerate(read.denied) if denied and read.letter[index]}


def _without_texts(tokens: Sequence[Token], options: Mapping[str, str]) -> list[Token]:
    # Behind a letter a text is not at the head of its line, where ">" would be a sign of Markdown.
    behind = {letter: undress(f"{letter} {text.strip()}")[1:] for letter, text in options.items()}
    texts = {letter: [token.lower for token in tokens_behind] for letter, tokens_behind in behind.items()}
    left: list[Token] = []
    index = 0
    while index < len(tokens):
        left.append(tokens[index])
        wanted = texts.get(tokens[index].word)
        index += 1
        for at in range(index, index + 4) if wanted else ():
            if [token.lower for token in tokens[at : at + len(wanted)]] == wanted:
                left += tokens[index:at]
                index = at + len(wanted)
                break
            if at >= len(tokens) or tokens[at].word not in _LISTED:
                break
    return left
