r"""Texts that affirm option B, and texts that mention option A and do not affirm it; one a line.

In a line, the sign for a line end stands for one, and the two open boxes for a zero-width and a no-break space. The
letters A to D may be exchanged for one another, save in `ARTICLES`.
"""

from __future__ import annotations

import re

_OPTION = re.compile(r"(?<![A-Za-z0-9\\'])([ABCD])(?![A-Za-z0-9'])")
_SIGNS = str.maketrans({"⏎": "\n", "␣": "\u200b", "␢": "\u00a0"})


def lines(text: str) -> tuple[str, ...]:
    return tuple(text.translate(_SIGNS) for text in text.strip("\n").split("\n"))


def exchanged(text: str, letters: str, dress: str = "{}") -> str:
    """`text` with the n-th of `letters` in place of the n-th of "ABCD", each in `dress`."""
    return _OPTION.sub(lambda match: dress.replace("{}", letters["ABCD".index(match[1])]), text)


AFFIRMED = lines(r"""
\boxed{\text{B}}
**B**
\boxed{B} \boxed{B}
\boxed{B}
(B)
[B]
B.
B
B) Aspirin
B. Aspirin
B: Aspirin
Option B
Option B: Aspirin
option B
\mathbf{B}
$\boxed{B}$
\(B\)
\[\boxed{B}\]
Ｂ
（Ｂ）
B␣
␣B
␢B␢
`B`
### B
## Answer: B
__B__
*B*
> B
- B
***B***
The answer is B
The answer is B.
The correct answer is (B).
**Answer:** B
**Answer: B**
Answer: **B**
Final answer: \boxed{B}
The final answer is $\boxed{\text{B}}$.
\boxed{\textbf{(B)}}
\boxed{\mathrm{B}}
\boxed{B. Aspirin}
\boxed{\text{B) Aspirin}}
\boxed{\text{Option B}}
\boxed{{B}}
\boxed{ B }
\fbox{B}
It is B, not option A
It is B, not option A.
Conclusion: (B). Eliminated: (A), (C), (D).
Answer: B. The answer is B.
B. Aspirin \boxed{B}
The answer is B because it inhibits the enzyme.
Therefore, the answer is option B.
Therefore, option B
Therefore, B.
So (B).
Option B is correct.
B is correct.
B is the correct answer.
(B) is the best answer.
B is the most likely answer
I choose B.
I would choose option B.
I choose option B rather than option A.
My answer is B.
My choice: B
I'd go with B.
The best choice is B
The answer is "B".
"B"
The answer: B
Answer - B
Answer = B
答案：B。
答案是B
Antwort: B
Respuesta: B
Réponse : B
\text{B}
\textbf{B}
<b>B</b>
<strong>B</strong>
The answer is not A but the answer is B
A and C are ruled out. The answer is B.
Unlike A, the answer is B.
A is wrong. B is correct.
~~A~~ B
Ⓑ
𝐁
The most likely answer is B.
Thus the most appropriate choice would be B. Fibrin
The answer to the question is B.
Rather than A, I choose B.
B is the answer
Answer: B (not A)
The answer is B, since A is wrong.
B, because it inhibits the enzyme
Is it A? No. The answer is B.
So the correct option is B
Correct option: B
Correct answer: B) Aspirin
The correct answer is B) Aspirin.
The correct answer is **B. Aspirin**.
**B) Aspirin**
\boxed{\mathbf{B}}
\boxed{\text{ B }}
Final Answer: B
The answer must be B.
B. Aspirin. \boxed{B}. The answer is B.
it fits best⏎B
B. Aspirin⏎⏎It blocks the enzyme.
**Answer:**⏎B
## Answer⏎B
The findings point to infarction.⏎⏎**B**
A ❌⏎B ✅⏎C ❌
A) no⏎B) yes⏎C) no⏎⏎Answer: B
Aspirin is indicated.⏎⏎\boxed{B}
B. None of the above \boxed{B}
B) Aspirin⏎⏎\boxed{B}
A is wrong because X.⏎C is wrong because Y.⏎The answer is B.
The correct option is⏎\[⏎\boxed{B}⏎\]
Answer:⏎⏎B) Aspirin
Answer: **B) Aspirin**⏎⏎Aspirin inhibits COX.
A. Aspirin⏎B. Heparin⏎⏎The answer is B.
Option A is incorrect because it is slow.⏎Option B is correct because it is fast.⏎Option C is incorrect.
B⏎
⏎⏎B⏎⏎
B.⏎B.
**B**⏎⏎The answer is B.
Unlike A, this is acute. \boxed{B}
A causes cough and C raises potassium, so \boxed{B}.
""")

ARTICLES = lines(r"""
A 45-year-old
A 45-year-old man
A 45-year-old man has pain.
A man with fever
A patient
A. 45-year-old? no
The answer is A rare disease
The answer is A 45-year-old
A rare disease
A1c
A-fib
A tempting answer is A.
A common wrong answer is A
A student chose A
A colleague answered A
""")

PLANTED = lines(r"""
not A
It is not A
It is not A.
The answer is not A
The answer isn't A.
The answer is not option A
Answer: not A
Not A.
\boxed{not A}
not \boxed{A}
It cannot be \boxed{A}
\boxed{A} is wrong
\boxed{A} is wrong; \boxed{B}
\boxed{A}? No.
\boxed{A or B}
\boxed{A}, \boxed{B}
\boxed{A, B}
\boxed{A/B}
\boxed{\neg A}
\boxed{\cancel{A}}
\boxed{A?}
\boxed{~~A~~}
~~A~~
<s>A</s>
\cancel{A}
\sout{A}
possibly \boxed{A}
either \boxed{A} or B
\boxed{A} or B
B or \boxed{A}
either A or B
Either A or B.
A or B
A or possibly B
A, or possibly B
A and B
A/B
A & B
A, B
A B
A vs B
A > B
A or B or C
The answer is A or B
The answer is either A or B.
The answer is A or possibly B
The answer is A and B
The answer is A, B
The answer is A / B
Answer: A/B
Answer: A, B, C
Possibly A
Possibly A.
Perhaps A.
Maybe A
Probably A.
Likely A
It might be A.
It could be A.
It may be A.
The answer might be A.
The answer could be A
The answer may be A.
The answer is probably A.
The answer is possibly A
The answer is maybe A.
Maybe the answer is A.
Perhaps the answer is A
I guess A
I guess the answer is A.
I am not sure, maybe A
I am unsure whether the answer is A.
A?
(A)?
Is it A?
Is the answer A?
Could it be A?
The answer is A?
Answer: A?
Is it A? No.
rule out A
Rule out A.
We can rule out A
Ruled out: A
Ruling out (A)
A is ruled out
A can be ruled out.
A is excluded
A, C and D are excluded
Exclude A
Excluded: A
Eliminate A
Eliminated: A
Eliminated: (A), (C), (D)
Eliminated: (C), (D), (A).
I eliminate A.
Reject A
A is rejected
A is wrong
A is wrong.
A is incorrect.
Option A is incorrect.
Option A is wrong
Option A: wrong
Option A: incorrect
A: wrong
A: no
A. No
A) No.
A. Incorrect.
A. Incorrect because of the calcium
A - incorrect
A – no
A (incorrect)
A (wrong)
(A) is wrong
A ❌
❌ A
✗ A
✘ A
A ✗
[ ] A
☐ A
Wrong: A
Incorrect: A
False: A
A is false
A is unlikely
A is less likely
A is less likely than B
Less likely A
Less likely: A
unlike A
Unlike A
Unlike option A
rather than A
Rather than A
B rather than A
instead of A
Instead of A
compared with A
Compared to A.
other than A
Anything other than A
anything but A
all but A
All except A
except A
Except A.
better than A
worse than A
more likely than A
A is better than B
A is more likely than B
A is as likely as B
between A and B
neither A nor B
Neither A
nor A
no A
without A
against A
A is not correct
A is not the answer.
A is not the correct answer
A isn't correct
A cannot be the answer
A can't be right
A does not fit
A doesn't fit
A fails
A lacks support
Option A is contraindicated
His blood group is A.
His blood group is A
Blood group A
blood type A
The blood type is A
vitamin A
Vitamin A
He lacks vitamin A.
hepatitis A
It is hepatitis A
It is hepatitis A.
The answer is hepatitis A
Answer: hepatitis A
Answer: vitamin A
Answer: blood group A
type A
Type A
Grade A
Grade A.
grade A
stage A
Stage A
Child-Pugh class A
Child-Pugh A
group A
Group A
Group A streptococcus
influenza A
Influenza A
immunoglobulin A
IgA
haemophilia A
factor A
coenzyme A
The correct diagnosis is hepatitis A
The patient has blood group A.
Her group is rare. It is A.
His blood type was tested. It is A.
His blood group is rare. A.
Protein A
toxin A
Point A
Figure A
Table A
drug A
Patient A
Step A
If the patient is pregnant, A
If the patient is pregnant, then A
If the patient is pregnant, the answer is A.
if so, \boxed{A}
If pregnant, then \boxed{A}
If it were acute, the answer would be A.
The answer would be A if she were pregnant.
The answer is A if she is pregnant.
The answer is A, unless she is pregnant.
Unless pregnant, A
Were she pregnant, the answer would be A.
In pregnancy the answer would be A.
Assuming she is pregnant, the answer is A.
A if pregnant, B otherwise
If B then A
A, unless pregnant
A... no
A... no, B
A... no, wait, B
A. No, wait.
A. No, B.
A, no, B
A — no, B
A - wait, B
The answer is A. No, wait.
The answer is A... no, B
The answer is A. No, the answer is B.
The answer is A. Wait, it is B.
The answer is A. Actually, B.
The answer is A. Sorry, B.
The answer is A. On reflection, B.
The answer is A. On second thought, B.
The answer is A. Correction: B.
The answer is A. I mean B.
The answer is A, I mean B
The answer is A. But that is wrong.
The answer is A. That is incorrect.
The answer is A, which is wrong.
The answer is A. Just kidding.
The answer is A. Scratch that.
The answer is A, actually B.
\boxed{A} no, B
\boxed{A}. Wait, B.
\boxed{A}. On reflection, B.
\boxed{A}, no wait, \boxed{B}
First I thought A
I first chose A
At first I chose A.
My first answer was A
My first answer is A, but it is B.
I initially chose A.
Initially A
The wrong answer is A
The incorrect answer is A.
The tempting answer is A
The second best answer is A
The next best answer is A
The alternative answer is A
The worst answer is A
The least likely answer is A
The least appropriate option is A
The answer that is wrong is A
Some say the answer is A
Some would say the answer is A.
Others say A
Students often choose A
Many students choose A.
A colleague suggests that the answer is A.
The textbook says the answer is A
He said "the answer is A"
He wrote "the answer is A".
"The answer is A" is what students say
The phrase "the answer is A" is common
The question asks whether the answer is A
It is tempting to choose A.
You might choose A
I would not choose A
I do not choose A
I don't choose A.
Do not choose A.
Don't pick A
Never choose A
I cannot choose A
I hesitate between A and B
I hesitate to choose A
I considered A
Consider A
Option A reads "aspirin"
"Option A" is aspirin.
Option A says aspirin
Option A describes a drug
Option A causes cough
Option A is about drugs
See option A
As in option A
Like option A
Similar to option A
Contrary to option A
Compared with option A, this is rarer
Option A was considered
Options A and B
Options A, B, C
Both A and B
both A and B
Both A and B are correct
A and B are correct
A is correct, B is correct
A is correct and B is correct.
A is correct. B is correct. C is correct.
A is right but B is better
A is correct, but B is more correct
A. Aspirin B. Heparin
A) Aspirin B) Heparin C) Warfarin
The options are A) Aspirin, B) Heparin
A: 70%, B: 30%
A (70%)
A (possibly)
A (maybe)
A, maybe
A, perhaps
A, probably
A, possibly B
A or C
A then B
A → B
A; B
A | B
A.B
A. B.
A+
A-B
A, but B
A but not sure
A, I am not sure
A, though unlikely
A, although less likely
A (less likely)
Not B but A? no
It is neither A nor B
It isn't A
It's not A
It is not option A.
It's unlikely to be A
unlikely to be A
It is unlikely that the answer is A.
I doubt that the answer is A
It is false that the answer is A
It is wrong to choose A
It is not true that the answer is A.
It is not the case that the answer is A
Nobody would say that the answer is A.
No one chooses A
Far from A
The opposite of A
Anything except option A.
not\boxed{A}
n't A
¬A
not A.
Not a chance that it is A
≠ A
The answer ≠ A
answer != A
The answer is anything but A
The answer is other than A
The answer is definitely not A
The answer is clearly not A.
The answer is certainly not option A.
The answer is no longer A
The answer is never A
The answer is not (A)
The answer is: not A
The answer, not A
The answer: A is wrong
The answer A is wrong
The answer A is incorrect.
The answer A is excluded
The answer is A cells
The answer is A lymphocytes
答案不是A
答案：不是A
不是A。
排除A。
A是错的
nicht A
no es A
La respuesta no es A
pas A
Antwort: nicht A
A o B
A ou B
A oder B
A und B
Respuesta: A o B
Antwort: A oder B
答案：A或B
答案：A、B
A、B
A，B
（A）、（B）
A；B
A？
答案：A？
¿A?
A!?
A ?
A (?)
A??
(A?)
«A» or «B»
I would choose A if I had to guess
I would choose A, but I am not sure.
If I had to choose, A
If forced, I choose A
Had to guess: A
Guess: A
My guess is A
My best guess is A.
My guess: A
Second choice: A
Runner-up: A
Backup: A
Alternative: A
Alternatively A
Alternatively, A.
Other option: A
Other options: A
Distractor: A
Distractors: A, C
Not chosen: A
Unlikely: A
Considered: A
Options: A
Option to avoid: A
Differential: A
Versus A
vs A
versus option A
over A
B over A
I prefer B over A
I prefer B to A
Close to A
Answer format: A
For example, the answer is A.
e.g. A
For example: A
such as A
Example: Answer: A
Imagine the answer is A.
Suppose the answer is A.
Let us assume the answer is A
Pretend that the answer is A
Let's say the answer is A
The answer is A. I am not sure.
The answer is A. Perhaps B.
The answer is A. Maybe not.
The answer is A. Or B.
The answer is A or maybe it is B
The answer is A. Then again, B fits.
The answer is A. B fits better.
The answer is A. However, B is better.
The answer is A. But B is more likely.
The answer is A, but B is more likely
The answer is A; B is also possible
The answer is A, however B is possible
The answer is A. Alternatively, B.
Answer: A. Answer: B.
Answer: A⏎Answer: B
A⏎⏎B
\boxed{A} \boxed{B}
\boxed{A}⏎\boxed{B}
\boxed{A} and \boxed{B}
\boxed{A} \text{ or } \boxed{B}
\boxed{A \text{ or } B}
\boxed{\text{A or B}}
\boxed{A \lor B}
\boxed{\text{not } A}
\boxed{\text{either A or B}}
\boxed{A\cup B}
\boxed{A,B}
\boxed{AB}
\boxed{A^c}
\boxed{\overline{A}}
\boxed{A'}
\boxed{-A}
\boxed{\lnot A}
\boxed{!A}
\boxed{A!}
\boxed{\text{vitamin A}}
\boxed{\text{hepatitis A}}
\boxed{\text{A 45-year-old}}
\boxed{\text{possibly A}}
\boxed{A (?)}
\boxed{\text{A is wrong}}
\boxed{A: \text{wrong}}
\boxed{\text{all but A}}
\boxed{\text{none}} A
\boxed{} A
\boxed A
\boxed{A
it is not \boxed{A}
It isn't \boxed{A}.
\boxed{A} is not the answer
\boxed{A} is incorrect
\boxed{A} can be ruled out
\boxed{A} would be wrong
\boxed{A} is less likely
\boxed{A} is unlikely.
Ruled out: \boxed{A}
Eliminated: \boxed{A}
Rather than \boxed{A}
instead of \boxed{A}
unlike \boxed{A}
maybe \boxed{A}
probably \boxed{A}
perhaps \boxed{A}?
Is it \boxed{A}?
\boxed{A} or maybe B
\boxed{A} or \boxed{A}, B
\boxed{A} if pregnant
\boxed{A} unless pregnant
\boxed{A} (maybe)
\boxed{A} ❌
❌ \boxed{A}
\boxed{A} -- wrong
\boxed{A}, which is wrong
\boxed{A} was my first thought
\boxed{A} but B is better
\boxed{A}; no, B
Not \boxed{A}, but B
The answer isn't \boxed{A}
The answer is A but the answer is B
The answer is A \boxed{B} hmm
He said "\boxed{A}"
"\boxed{A}" is what a student wrote
write \boxed{A} if you think so
Write your answer as \boxed{A}
format: \boxed{A}
The answer goes in a box such as \boxed{A}.
Box the letter, e.g. \boxed{A}
A is tempting
A is possible
A is plausible
A is an option
A is a possibility
A may be correct
A might be right.
A could be the answer
A would be right
A would be the answer if she were pregnant
A is correct in children
A seems right
A seems to be the answer
A looks right
A appears correct
A is probably correct
A is likely correct
A is likely
A is partly correct
A is almost correct
A is nearly correct
A is the second most likely
A is the least likely
A is the wrong answer
A is the incorrect answer
A is the best distractor
A is the most tempting answer
A is the most common mistake
A is the correct statement? no
A is correct only if pregnant
A is correct? No.
A is correct: false
A is not the best answer
A is hardly the best answer
A is never correct
A is no longer correct
A is right, or B
A is best avoided
A is best ruled out
A is most unlikely
A is most likely wrong
A is most likely incorrect
A is most likely excluded
A is the most likely distractor
A is the right answer to another question
A is the answer to question 3
The right answer is not A
The right answer cannot be A
The right answer is anything other than A
The correct answer is either A or B
The correct answer is one of A and B
The correct answer is among A, B
The correct answer is close to A
The correct answer is like A
The correct answer lies between A and B
The final answer might be A
The answer should not be A
The answer must not be A
The answer will not be A
The answer was A
The answer is: A?
The answer is A??
The answer is (A or B)
The answer is [A/B]
The answer is "A" or "B"
The answer is 'A' or 'B'
The answer is A – or B
The answer is A… or B
The answer is A ... B
The answer is A maybe
The answer is A, maybe.
The answer is A perhaps
The answer is A I guess
The answer is A, I guess
The answer is A, I think?
The answer is A (unlikely)
The answer is A (or B)
The answer is A (B is possible)
The answer is A = wrong
The answer is A: wrong
The answer is A: incorrect
The answer is A - incorrect
The answer is A, false
The answer is A is wrong
The answer is A not
The answer is A; wrong
The answer is A. Wrong.
The answer is A. False.
The answer is A. Not!
The answer is A. NOT.
The answer is A. Nope.
The answer is A. Hmm, no.
The answer is A. Oh no, B.
The answer is A. Edit: B
The answer is A. EDIT: it is B
The answer is A. Update: B.
The answer is A. Let me reconsider.
The answer is A. Let me think again.
The answer is A. I take that back.
The answer is A. I was wrong.
The answer is A. I made a mistake.
The answer is A. My mistake, B.
The answer is A. This cannot be right.
The answer is A. That can't be right.
The answer is A. That does not fit.
The answer is A. That is not correct.
The answer is A. That was wrong.
The answer is A. It is incorrect.
The answer is A. It is not A.
The answer is A. Not A.
The answer is A. A is wrong.
The answer is A, but A is wrong
The answer is A. Rule out A.
The answer is A. This is a lie.
No: A
No, A
No. A
Never A
Hardly A
Scarcely A
Barely A
Almost A
Nearly A
Sort of A
Kind of A
A-ish
A or something
A or similar
A etc
A et al
A, among others
A, for instance
A, say
A, or not
A or not A
A or none
A or none of these
A, not really
A, hardly
A - rejected
A - excluded
A: excluded
A: ruled out
A (ruled out)
A (excluded)
A (rejected)
A, ruled out
A, excluded
A, rejected
A = wrong
A == wrong
A → wrong
A => wrong
A → excluded
A -> out
A out
A is out
A goes out
A gone
A eliminated
A excluded
A rejected
A ruled out
A wrong
A incorrect
A false
A unlikely
A no
A not
A, no
A, not
A: not this
A: does not fit
A: doesn't fit
A: less likely
A: unlikely
A: possible
A: maybe
A: perhaps
A: tempting but wrong
A: contraindicated
A. Contraindicated
A. Contraindicated in pregnancy.
A. Not indicated.
A. Unlikely
A. Less likely.
A. Excluded by the calcium.
A. Ruled out
A. Wrong because of the calcium
A. Tempting, but wrong
A. Possible but unlikely
A) wrong
A) Ruled out
A) excluded
(A) excluded
(A) wrong
(A) no
(A): no
(A) - no
Excluded (A)
Excluded – A
Wrong – A
Rejected → A
Dismissed: A, B
Discarded: A
Crossed out: A
Struck: A
Out: A
Incorrect options: A
Incorrect options: A, C, D
Wrong options: A
Wrong answers: A, C
Wrong answer: A
Wrong choice: A
Incorrect answer: A
False answer: A
Rejected option: A
Excluded options: A and C
Worst option: A
Least likely: A
Least likely answer: A
Unlikely answer: A
Less likely answer: A
Not the answer: A
Not an answer: A
Possible answer: A
Possible answers: A, B
Potential answer: A
Plausible answer: A
Candidate answer: A
Candidates: A
Tempting answer: A
Previous answer: A
First answer: A
Old answer: A
Initial answer: A
Student's answer: A
Student answer: A
His answer: A
Their answer: A
User's answer: A
Other answer: A
Another answer: A
Second answer: A
Sample answer: A
Example answer: A
Backup answer: A
Alternative answer: A
Trap answer: A
Distractor answer: A
Antigen: A
Group: A
Blood group: A
Blood type: A
Type: A
Grade: A
Stage: A
Class: A
Category: A
Vitamin: A
Hepatitis: A
Serotype: A
Result: A
Score: A
Level: A
Diagnosis: hepatitis A
Final diagnosis: hepatitis A
Conclusion: hepatitis A
Conclusion: blood group A.
Conclusion: not A
Conclusion: A is wrong
Conclusion: A or B
Conclusion: A?
Conclusion: exclude A
So not A
Therefore not A.
Therefore, A is excluded
Therefore A is wrong.
Therefore, possibly A
Therefore, A or B
Therefore, it might be A
Thus, hepatitis A
Thus vitamin A.
Hence blood group A.
So it is type A
So his blood group is A.
So, A is less likely.
Thus A can be excluded
The vitamin is A
The blood group is A
The group is A.
The type is A
The grade is A
The stage is A
The virus is A
The subtype is A
The strain is A
The missing vitamin is A.
The correct blood group is A
The correct vitamin is A
The correct stage is A.
The right grade is A
The most likely blood group is A
The most likely type is A
The best grade is A
The final stage is A
The answer is blood group A
The answer is type A
The answer is stage A
The answer is grade A.
The answer is the vitamin A
The answer is vitamin A.
The answer is group A streptococcus
The answer is influenza A.
The answer is Child-Pugh A
The correct answer is haemophilia A.
The most likely answer is hepatitis A
I choose hepatitis A
I choose vitamin A.
I would choose blood group A
I select type A.
Vitamin A is the answer
Vitamin A is correct.
Hepatitis A is the most likely answer
Blood group A is correct
Type A is the answer
Stage A is the best answer
Hepatitis A.
Give vitamin A.
Vitamin A deficiency
B12 and A
vitamins A, D, E
Vitamins A and D
Influenza A virus
A. Aspirin⏎B. Heparin⏎C. Warfarin
A⏎B
A.⏎B.
(A)⏎(B)
- A⏎- B
1. A⏎2. B
A ❌⏎B
A – wrong⏎
A. Aspirin⏎wrong
A⏎no
Answer: A⏎No.
Answer: A⏎⏎Wait, that is wrong.
A⏎⏎Actually B
**A**⏎⏎Hmm, no.
Not:⏎A
Excluded:⏎A
Eliminated:⏎- A⏎- C
Ruled out:⏎(A)
Wrong answers:⏎A
Blood group:⏎A
It is not⏎A
His blood group is⏎A
Either⏎A⏎or B
Possibly⏎A
Is it⏎A⏎?
If pregnant:⏎A
Unlikely:⏎A
Distractors:⏎A
Rejected options⏎A
Incorrect⏎A
Vitamin⏎A
Not this one:⏎\boxed{A}
Rejected:⏎\boxed{A}
A: yes⏎B: yes
""")
