"""The words by which the reader of answers (`alignment/text/choice.py`) tells what is said of an option.

Every list is a reconstruction, made for English with the signs of other languages; all words are lower case.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of rejection: a sentence that holds one speaks against the options it mentions (`alignment/text/rejections.py`).
REJECTIONS = _words(
    """
    not no nor never neither without cannot lacks lack lacking absent unlikely incorrect wrong inappropriate
    inconsistent contradicts contradicted against excludes excluded exclude rules ruled rejects rejected reject rather
    instead unlike unrelated ineffective contraindicated harmful insufficient fails fail however less doesn isn wouldn
    """
)
# A sentence with one of these, and none of `FAVOUR`, speaks against the options it mentions behind an answer.
AGAINST = REJECTIONS - _words("however no rather instead")
FAVOUR = _words("better best more fits correct right possible plausible")
NOUNS = _words("answer answers choice option selection conclusion solution response verdict pick letter ans")
DEFINITE_NOUNS = _words("answer choice conclusion selection pick verdict")  # "my choice is B" needs no praise
FOREIGN_NOUNS = _words(
    "respuesta réponse reponse antwort risposta resposta antwoord ответ 答案 答え 解答 正解 정답 diagnosis "
    "正确答案 正确选项 最佳答案 最佳选项 最终答案 正確答案"
)
FOREIGN_STATEMENTS = _words(
    "答案是 答案为 答案選 答案选 正确答案是 正确答案为 最佳答案是 选 选择 应选 故选 因此选 所以选 因此选择 所以选择"
)
# Rejections in other languages, behind a letter or in front of it.
FOREIGN_REJECTIONS = _words(
    """
    falsa falso incorrecta incorrecto incorrectas errónea erróneo excepto nicht falsch faux fausse pas incorrecte sauf
    außer keine sbagliata sbagliato errada errado неверно не кроме 错误 错 错的 错误的 不对 不正确 不 非 除 除外 排除
    錯誤 不是 以外 除了
    """
)
PRAISE = _words("correct best right final appropriate likely suitable accurate most single only overall probable")
# "The most appropriate next step in management is A"
STEPS = _words(
    "diagnosis step treatment management therapy investigation test explanation cause drug next initial in of"
)
# What an option may be called the best of.
SUBJECTS = _words("answer choice option one diagnosis next initial step treatment management explanation cause test")
DETERMINERS = _words("the my our")
BE = _words("is be are")
MODALS = _words("must should will has to")
LINKS = _words(": = → -")
# Between a noun and its verb: "the answer to this question is".
NOUN_TO_LINK = _words("to this that the question case choice option letter for here above of in therefore thus hence")
ADVERBS = _words("therefore thus hence clearly definitely indeed certainly then so obviously")
# Between a verb or colon and the letter.
FILLERS = _words("option choice answer letter number the ( [ \" ' ✓ | : most likely") | ADVERBS
CLOSERS = _words(") ] \" ' | ✓")
CONNECTIVES = _words("therefore thus hence so accordingly consequently ergo finally overall then conclusion summary in")
CHOOSE = _words("choose pick select chose selected picked choosing with for")  # "I go with", "I opt for"
CHOOSE_AFTER = _words("i we will would 'd i'd i'll we'll therefore thus hence to go going am i'm opt so must")
# What may follow a letter directly, without a sign; anything else makes it part of a term ("B cells").
FOLLOWERS = _words("because since as due based which and or nor but over rather instead not for given here with")
REASONS = _words("because since as due given for with")  # what is said behind these no longer qualifies the answer
# "it is unlikely that the answer is A"
# "I don't see how the answer is A": in front of a statement, with no comma or "and" between.
DENIES_CLAUSE = _words(
    """
    not never nobody don't doesn't didn't isn't wasn't can't cannot couldn't wouldn't won't disagree impossible hardly
    how why
    """
)
NO_WAY = {("no", noun) for noun in ("way", "case", "circumstances", "means", "reason", "evidence", "longer")}
# At the head of a sentence these say what holds elsewhere: "Normally I would choose A".
ELSEWHERE = _words("were had should without normally usually ordinarily typically generally")
NEGATIONS = _words(
    """
    not unlikely false untrue wrong incorrect never hardly nobody no cannot can't isn't doesn't don't rejected excluded
    eliminated discarded dismissed
    """
)
JOINERS = _words(", and or nor / & ( ) [ ] option options choice choices the \" ' either both")
ALTERNATIVES = _words("or and nor / & vs versus + -")
HEDGES = _words("possibly maybe perhaps probably potentially likely also even either else alternatively")
CONDITIONS = _words(
    """
    if unless whether assuming assume suppose supposing supposed otherwise maybe perhaps possibly probably
    presumably arguably doubt doubtful unsure uncertain guess guessing imagine pretend hypothetically
    """
)
REPORTS = _words(
    """
    say says said saying claim claims claimed argue argues argued thinks thought believes believed wrote writes wrongly
    tempting tempted student students colleague colleagues textbook distractor asks asked quoted quoting states stated
    suggest suggests suggested example instance format placeholder template initially originally previously first
    mistakenly earlier wish hope expect expected deny denies denied write box such think believe told heard
    myth myths misconception misconceptions pitfall pitfalls trap like
    """
)
BEFORE_REJECTED = _words(
    """
    not nor neither than unlike instead exclude excludes excluded excluding eliminate eliminates eliminated eliminating
    reject rejects rejected rejecting discard discards discarded dismiss dismisses dismissed against without except over
    isn't wasn't aren't cannot can't never wrong incorrect false unlikely ✗ rule rules ruled ruling compared
    versus ain't
    """
).union(FOREIGN_REJECTIONS)
TO_REJECTED = JOINERS | _words(": of a an answer answers out be being to with by letter for")
VERBS = _words("is are was were seems seem would be can has have been remains looks appears could being")
REJECTED_AFTER = _words(
    """
    not wrong incorrect false mistaken excluded eliminated rejected ruled unlikely contraindicated inferior worse never
    cannot can't isn't aren't doesn't don't didn't wasn't lacks fails less untrue implausible out ✗ no does do
    inappropriate
    """
).union(FOREIGN_REJECTIONS)
TAKEN_BACK = _words(
    """
    wrong incorrect false mistaken untrue excluded eliminated rejected unlikely implausible ✗ wait actually sorry oops
    kidding correction nope scratch ruled less than wrongly incorrectly worst distractor elimination exclusion
    discard reject regret
    """
)
# A sentence that opens with one of these takes back what stands before it.
CORRECTIONS = _words(
    """
    oh maybe perhaps possibly probably alternatively wait actually sorry correction oops hmm wrong incorrect false nope
    scratch edit update excluded eliminated rejected ruled unlikely contraindicated tempting possible implausible
    inferior inappropriate untrue mistaken
    """
)
CERTAIN = _words("sure certain confident convinced")
DOUBTS = _words(
    """
    unsure uncertain doubt doubtful guess guessing guessed kidding reflection reconsider reconsidering rethink mistake
    lie joke joking ignore disregard retract withdraw revise
    """
)
SECOND_THOUGHTS = {
    tuple(pair.split())
    for pair in (
        "less likely",
        "think again",
        "on second",
        "was wrong",
        "am wrong",
        "were wrong",
        "that back",
        "it back",
    )
}
FIT = _words("fit work hold match apply answer")
TEMPTING = _words(
    """
    possible plausible potential tempting considered consider alternative distractor second partly instance example may
    might could better more vs versus % ✗ ?
    """
)
THAT = _words("this that it which")
NOT_SO = _words("wrong incorrect false mistaken untrue unlikely implausible")
SO = _words("correct right true likely it")
# Words that may stand directly before the letter of an option; behind any other word a letter ends a term.
CUES = frozenset().union(
    *(NOUNS, FOREIGN_NOUNS, FOREIGN_STATEMENTS, FILLERS, CONNECTIVES, CHOOSE, JOINERS, TO_REJECTED, FOLLOWERS),
    *(BEFORE_REJECTED, VERBS, HEDGES, BE, CONDITIONS, ALTERNATIVES),
    _words(
        """
        options choices it's that while although though however than between like by of at from on now favours favors
        support supports prefer preferred say says said yes reflection wait actually sorry mean means only correct right
        best final his her its i we you
        """
    ),
)
TERMS = _words(
    """
    group type vitamin hepatitis grade stage class factor protein influenza haemophilia hemophilia amphotericin toxin
    coenzyme immunoglobulin category level subtype serotype antigen
    """
)
AFTER_TERM = _words("cell cells lymphocyte lymphocytes symptom symptoms reactive dimer coli section wave streptococcus")
# Behind these a capital A is an option and not the article, a capital I no pronoun.
AFTER_OPTION = BE | FOLLOWERS | REJECTED_AFTER | ALTERNATIVES | _words("was would seems remains fits if than when")
PREDICATES = _words("is was fits seems remains would could might may")
ABBREVIATED = _words("vs eg ie e g i cf dr ans no opt")
CLAUSE_VERBS = _words("is are fits remains")
# What a bare answer does not hold behind its letter.
UNSUITABLE = _words(
    "too risky dangerous unnecessary unsafe trap poor bad useless premature irrelevant futile misleading overkill"
)
NOT_BARE = REJECTIONS | CONDITIONS | HEDGES | TAKEN_BACK | TEMPTING | UNSUITABLE | FOREIGN_REJECTIONS
# In front of a bare letter, it is no more than a try.
NO_ANSWER = {
    (no, verb)
    for no in ("don't", "not", "cannot", "can't", "couldn't")
    for verb in ("know", "answer", "tell", "say", "decide", "determine", "choose", "remember")
} | {("no", "idea"), ("give", "up")}
AFFIRMED_AFTER = _words("right correct yes ✓")  # in a list of verdicts, where other options are rejected
# What abbreviates a genus is no option: "C. difficile".
SPECIES = _words(
    """
    fumigatus flavus niger baumannii israelii lumbricoides duodenale actinomycetemcomitans aegypti burgdorferi cereus
    anthracis pertussis parapertussis fragilis henselae quintana abortus melitensis suis canis microti dermatitidis
    subtilis bacilliformis hominis coli cepacia recurrentis mallei pseudomallei difficile diff trachomatis botulinum
    tetani perfringens diphtheriae albicans auris glabrata krusei tropicalis parapsilosis jejuni psittaci pneumoniae
    neoformans gattii immitis posadasii burnetii septicum freundii fetus sordellii canimorsus parvum cayetanensis
    sinensis latum medinensis faecalis faecium fib flutter histolytica granulosus multilocularis vermicularis cloacae
    aerogenes chaffeensis dispar rhusiopathiae corrodens floccosum
    """
)
