"""Which options a text speaks against: a lexical test, and as such a reconstruction.

Clinical-R1 (2512.00601, section 4) counts "distractors correctly rejected with reason" by a language model; here an
option counts where the sentence that names it holds a word of rejection, so that a reward can be computed in training.
"""

from __future__ import annotations

from alignment.record import Record
from alignment.text.mentions import find_mentions
from alignment.text.words import sentences, tokens

REJECTIONS = frozenset(
    """
    not no nor never neither without cannot lacks lack lacking absent unlikely incorrect wrong inappropriate
    inconsistent contradicts contradicted against excludes excluded exclude rules ruled rejects rejected reject rather
    instead unlike unrelated ineffective contraindicated harmful insufficient fails fail however less doesn isn wouldn
    """.split()  # noqa: SIM905 - a list of quoted words is harder to read
)


def rejected_options(text: str, record: Record) -> set[str]:
    """Return the letters of the options that a sentence of `text` names and speaks against; linear time."""
    rejected: set[str] = set()
    for sentence in sentences(text):
        if not REJECTIONS.isdisjoint(tokens(sentence)):
            rejected.update(mention.letter for mention in find_mentions(sentence, record))
    return rejected
