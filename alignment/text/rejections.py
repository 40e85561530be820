"""Which options a text speaks against: a lexical test, and as such a reconstruction.

Clinical-R1 (2512.00601, section 4) counts "distractors correctly rejected with reason" by a language model; here an
option counts where the sentence that names it holds a word of rejection, so that a reward can be computed in training.
"""

from __future__ import annotations

from alignment.record import Record
from alignment.text.answer_words import REJECTIONS
from alignment.text.mentions import find_mentions
from alignment.text.words import sentences, tokens


def rejected_options(text: str, record: Record) -> set[str]:
    """Return the letters of the options that a sentence of `text` names and speaks against; linear time."""
    rejected: set[str] = set()
    for sentence in sentences(text):
        if not REJECTIONS.isdisjoint(tokens(sentence)):
            rejected.update(mention.letter for mention in find_mentions(sentence, record))
    return rejected
