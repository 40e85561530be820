"""An endpoint that works, fails, drags and lies: a real server on loopback, through the entry point."""

from __future__ import annotations

import json
import logging
import socket

import pytest
from loopback import KEY, MODEL, VARIABLE, Act, Loopback, completion, failure, flags, good, traces_config
from tiny import records

from alignment.build_data import main
from alignment.traces import endpoint
from alignment.traces.pace import Pace


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def build(folder, behave, count=6, **changes):
    """Run the entry point against a server that does `behave`; return (exit status, server)."""
    with Loopback(behave) as server:
        config = traces_config(folder, server.url, count)
        for name, value in changes.items():
            config.update_from_flattened_dict({f"traces.{name.replace('__', '.')}": value})
        return main(flags(config)), server


@pytest.fixture
def gate(monkeypatch):
    """What a run asks of its gate, whose waits `test_pace` measures with a virtual clock: limits, tokens and pauses."""
    calls = {"limits": [], "admitted": [], "pauses": []}

    class Recorded(Pace):
        def __init__(self, *limits):
            calls["limits"].append(limits)
            super().__init__(*limits)

        async def admit(self, tokens):
            await super().admit(tokens)
            calls["admitted"].append(tokens)

        def pause(self, seconds):
            calls["pauses"].append(seconds)
            super().pause(seconds)

    monkeypatch.setattr(endpoint, "Pace", Recorded)
    return calls


def report(folder):
    return json.loads((folder / "set" / "report.json").read_text())


def journal(folder):
    path = folder / "set.journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wrong(record):
    return good(record, next(letter for letter in record.letters if letter != record.gold))


# ------------------------------------------------------------------------------------------------------- as it should


def test_what_is_asked_and_how_often(tmp_path):
    def behave(record, nth):  # even questions are answered rightly at the second try, question 5 never
        number = int(record.id[5:])
        return completion(wrong(record) if number == 5 or (number % 2 == 0 and nth == 0) else good(record))

    status, server = build(tmp_path, behave)
    assert status == 0
    counts = [sum(request.index == number for request in server.requests) for number in range(6)]
    assert counts == [2, 1, 2, 1, 2, 3]
    body = server.requests[0].body
    assert (body["model"], body["temperature"], body["max_tokens"]) == (MODEL, 0.7, 1024) and "top_p" not in body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert all(request.key == f"Bearer {KEY}" for request in server.requests)
    gold = {record.id: record.gold for record in records(6)}
    for request in server.requests:  # the gold letter is never given away
        assert "gold" not in json.dumps(request.body).lower() and f"boxed{{{gold[f'tiny-{request.index}']}" not in str(
            request.body
        )
    counted = report(tmp_path)
    assert counted["verdicts"] == {"accepted": 5, "wrong answer": 6} and counted["explained"] == 5
    assert counted["tries"] == [
        {"try": 1, "answers": 6, "accepted": 2},
        {"try": 2, "answers": 4, "accepted": 3},
        {"try": 3, "answers": 1, "accepted": 0},
    ]


def test_k_traces_a_question_are_kept_where_the_config_says_so(tmp_path):
    status, server = build(tmp_path, lambda record, nth: completion(good(record)), keep=2)
    lines = [json.loads(line) for line in (tmp_path / "set" / "traces.jsonl").read_text().splitlines()]
    assert status == 0 and len(server.requests) == len(lines) == 12 and len({line["id"] for line in lines}) == 6


def test_settings_of_the_request(tmp_path):
    status, server = build(
        tmp_path,
        lambda record, nth: completion(good(record), usage=(10, 20)),
        endpoint__tokens_field="max_completion_tokens",
        endpoint__top_p=0.9,
        endpoint__key_variable="",
        max_tokens=77,
        temperature=0.3,
    )
    body = server.requests[0].body
    assert status == 0 and (body["max_completion_tokens"], body["top_p"], body["temperature"]) == (77, 0.9, 0.3)
    assert "max_tokens" not in body and server.requests[0].key is None


def test_no_more_requests_are_in_flight_than_allowed(tmp_path):
    def behave(record, nth):
        act = completion(good(record))
        act.delay = 0.05
        return act

    status, server = build(tmp_path, behave, count=24, endpoint__concurrency=3)
    assert status == 0 and server.most_in_flight == 3


def test_every_request_passes_a_gate_with_the_limits_asked_for(tmp_path, gate):
    """A request may use its prompt's tokens and `max_tokens`; the gate hears of both limits and of the largest one."""
    status, server = build(
        tmp_path,
        lambda record, nth: completion(good(record)) if nth else failure(500),
        count=4,
        max_tokens=200,
        endpoint__requests_per_minute=6_000,
        endpoint__tokens_per_minute=360_000,
    )
    ((requests, tokens, largest),) = gate["limits"]
    assert status == 0 and (requests, tokens) == (6_000, 360_000)
    assert len(gate["admitted"]) == len(server.requests) == 8  # a second try passes it as well
    assert max(gate["admitted"]) == largest and min(gate["admitted"]) > 200


# --------------------------------------------------------------------------------------------------------- it fails


@pytest.mark.parametrize(
    "first",
    [
        lambda record: failure(500),
        lambda record: failure(503),
        lambda record: failure(429, Retry_After="0.05"),
        lambda record: failure(408),
        lambda record: Act(reset=True),
        lambda record: Act(completion(good(record)).body, cut=40),  # the line breaks in the middle of the body
        lambda record: Act(completion(good(record)).body[:-30]),  # truncated JSON with the right length
        lambda record: Act(b"<html>Please sign in</html>", headers={"Content-Type": "text/html"}),
        lambda record: Act(b"{}", headers={"Content-Encoding": "gzip"}),
        lambda record: failure(200, "overloaded"),
        lambda record: Act(completion(good(record)).body, delay=4.0),
    ],
    ids=["500", "503", "429", "408", "reset", "cut", "truncated", "html", "encoding", "error-200", "slow"],
)
def test_what_may_pass_is_asked_again(tmp_path, first):
    def behave(record, nth):
        return first(record) if nth == 0 else completion(good(record))

    status, server = build(tmp_path, behave, count=3, endpoint__timeout=2.0)
    assert status == 0 and len(server.requests) == 6
    assert [answer["requests"] for answer in journal(tmp_path)] == [2, 2, 2] and report(tmp_path)["explained"] == 3


def test_retry_after_closes_the_gate_of_every_request(tmp_path, gate):
    def behave(record, nth):
        return failure(429, Retry_After="0.1") if record.id == "tiny-0" and nth == 0 else completion(good(record))

    status, server = build(tmp_path, behave, count=12, endpoint__longest_wait=5.0)
    assert status == 0 and len(server.requests) == len(gate["admitted"]) == 13
    assert gate["pauses"] == [0.1]


def test_waits_grow_from_the_first_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tenacity.wait.random.uniform", lambda low, high: high)  # without the jitter
    wait, waits = endpoint._Endpoint._wait, []
    monkeypatch.setattr(endpoint._Endpoint, "_wait", lambda *args: waits.append(wait(*args)) or waits[-1])
    status, server = build(
        tmp_path,
        lambda record, nth: failure(500) if nth < 2 else completion(good(record)),
        count=1,
        endpoint__first_wait=0.05,
        endpoint__longest_wait=5.0,
    )
    assert status == 0 and len(server.requests) == 3 and waits == [0.05, 0.1]


def test_a_retry_after_without_end_is_cut_at_the_longest_wait(tmp_path, gate):
    def behave(record, nth):
        return failure(429, Retry_After="1e9") if nth == 0 else completion(good(record))

    assert build(tmp_path, behave, count=2)[0] == 0 and gate["pauses"] == [0.2, 0.2]  # `longest_wait` of the config


def test_a_question_that_always_fails_is_left_for_the_next_run(tmp_path, capsys):
    def behave(record, nth):
        return failure(500) if record.id == "tiny-2" and not mended else completion(good(record))

    mended = False
    status, server = build(tmp_path, behave)
    assert status == 0 and sum(request.index == 2 for request in server.requests) == 3  # `requests`
    assert report(tmp_path)["given_up"] == ["tiny-2"] and "the same command goes on" in capsys.readouterr().out
    mended = True
    status, server = build(tmp_path, behave)
    assert status == 0 and [request.index for request in server.requests] == [2]
    assert report(tmp_path)["explained"] == 6 and report(tmp_path)["given_up"] == []


@pytest.mark.parametrize(
    "act, words",
    [
        (failure(401, f"bad key {KEY}"), ["status 401", "[key]", "key_variable", VARIABLE]),
        (failure(403), ["status 403", "key_variable"]),
        (failure(404, "no such model"), ["no such model", "base_url", f"model={MODEL}"]),
        (
            failure(400, "max_tokens is not supported"),
            ["is not supported", "tokens_field=max_tokens", f"model={MODEL}"],
        ),
        (failure(422), ["status 422", "takes no request"]),
        (failure(402), ["no credit"]),
        (failure(429, "no quota", code="insufficient_quota"), ["no quota", "no credit"]),
        (failure(307, Location="http://127.0.0.1:1/"), ["elsewhere", "base_url"]),
        (failure(500), ["failed 4 questions in a row", "status 500", "goes on"]),
        (Act(reset=True), ["failed 4 questions in a row"]),
        (Act(b"<html>"), ["failed 4 questions in a row", "no JSON"]),
    ],
    ids=["401", "403", "404", "400", "422", "402", "quota", "307", "500", "reset", "html"],
)
def test_what_does_not_pass_is_one_clear_line(tmp_path, act, words, capsys):
    status, server = build(tmp_path, lambda record, nth: act)
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2 and lines[-1].startswith("error: ") and KEY not in lines[-1]
    assert [word for word in words if word not in lines[-1]] == []
    assert len(server.requests) <= 18 and not (tmp_path / "set").exists() and journal(tmp_path) == []


def test_a_key_that_is_withdrawn_in_the_midst_stops_the_run_and_loses_nothing(tmp_path, capsys):
    withdrawn = True

    def behave(record, nth):
        return (
            failure(401) if withdrawn and len(server_asked) >= 4 else server_asked.append(0) or completion(good(record))
        )

    server_asked = []
    assert build(tmp_path, behave, count=8, endpoint__concurrency=1)[0] == 2
    assert "status 401" in capsys.readouterr().err and len(journal(tmp_path)) == 4
    withdrawn = False
    status, server = build(tmp_path, behave, count=8, endpoint__concurrency=1)
    assert status == 0 and len(server.requests) == 4 and report(tmp_path)["explained"] == 8


def test_an_endpoint_that_is_not_there_is_one_clear_line(tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert main(flags(traces_config(tmp_path, url))) == 2
    assert "questions in a row" in capsys.readouterr().err.splitlines()[-1]


def test_a_refusal_of_one_question_is_remembered_and_the_others_go_on(tmp_path):
    def behave(record, nth):
        return failure(400, "content filter") if record.id == "tiny-0" else completion(good(record))

    build(tmp_path, behave, endpoint__concurrency=1)
    status, server = build(tmp_path, behave, endpoint__concurrency=1)  # in case it came before any answer
    counted = report(tmp_path)
    assert status == 0 and counted["verdicts"] == {"accepted": 5, "refused": 1} and len(server.requests) <= 1
    assert build(tmp_path, behave)[1].requests == []


# ----------------------------------------------------------------------------------------------------------- it lies


@pytest.mark.parametrize(
    "lie, verdict",
    [
        (lambda record: completion(good(record)[:70]), "unparsed"),  # finish_reason stop, yet the text is cut
        (lambda record: completion(good(record)[:70], finish="length"), "truncated"),
        (lambda record: completion(good(record).replace("\\boxed{", "\\boxed{Q")), "unparsed"),
        (lambda record: completion(good(record), model="cheaper-model"), "other model"),
        (lambda record: completion(good(record).replace("Of the", "<b>Of</b> the")), "markup"),
        (lambda record: completion(None), "empty"),
        (lambda record: completion(good(record), finish="content_filter"), "refused"),
    ],
    ids=["cut", "length", "letter", "model", "markup", "null", "filter"],
)
def test_a_lie_is_rejected_by_its_name(tmp_path, lie, verdict):
    status, server = build(
        tmp_path, lambda record, nth: lie(record) if record.id == "tiny-1" else completion(good(record)), tries=2
    )
    assert status == 0 and report(tmp_path)["verdicts"] == {"accepted": 5, verdict: 1 if verdict == "refused" else 2}


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"Content-Type": "text/plain"}},
        {"headers": {"Content-Type": "application/json; charset=klingon"}},
        {"headers": {}},
    ],
)
def test_a_wrong_content_type_does_no_harm(tmp_path, change):
    status, _ = build(tmp_path, lambda record, nth: Act(completion(good(record)).body, **change))
    assert status == 0 and report(tmp_path)["explained"] == 6


def test_another_model_is_taken_where_the_config_says_so(tmp_path):
    status, _ = build(tmp_path, lambda record, nth: completion(good(record), model="x"), endpoint__any_model=True)
    assert status == 0 and report(tmp_path)["models_named"] == {"x": 6}


@pytest.mark.parametrize("usage", [None, "lots", {"prompt_tokens": -5, "completion_tokens": 10**12}], ids=str)
def test_without_a_believable_usage_the_tokens_are_estimated_and_said_to_be(tmp_path, usage):
    status, _ = build(
        tmp_path,
        lambda record, nth: completion(good(record), usage=usage),
        endpoint__price_in=1.0,
        endpoint__price_out=2.0,
    )
    counted = report(tmp_path)
    assert status == 0 and counted["answers_with_estimated_tokens"] == 6
    assert 6 * 20 < counted["completion_tokens"] < 6 * 200
    assert counted["cost"] == pytest.approx((counted["prompt_tokens"] + 2 * counted["completion_tokens"]) / 1e6)


def test_a_reply_without_end_is_not_read_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("alignment.traces.endpoint.MOST_BYTES", 10_000)
    status, server = build(
        tmp_path, lambda record, nth: completion(good(record)) if nth else Act(b"x" * 1_000_000), count=2
    )
    assert status == 0 and len(server.requests) == 4


# --------------------------------------------------------------------------------------------------- cost and the key


def test_the_cost_is_that_of_the_usage_and_the_run_stops_before_the_limit_and_goes_on(tmp_path, capsys):
    # A request costs 50 x 1 + 60 x 2 = 170 millionths; it may cost about 100 x 1 + 200 x 2 = 500.
    settings = {"max_tokens": 200, "endpoint__price_in": 1.0, "endpoint__price_out": 2.0, "endpoint__concurrency": 2}
    status, first = build(
        tmp_path, lambda record, nth: completion(good(record)), count=12, endpoint__max_cost=0.0012, **settings
    )
    counted = report(tmp_path)
    assert status == 0 and counted["stopped"] == "max_cost" and "max_cost" in capsys.readouterr().out
    assert (
        3 <= len(first.requests) < 12
        and counted["cost"] == pytest.approx(len(first.requests) * 170e-6)
        and counted["cost"] <= 0.0012
    )
    status, second = build(tmp_path, lambda record, nth: completion(good(record)), count=12, **settings)
    assert status == 0 and len(first.requests) + len(second.requests) == 12 and report(tmp_path)["stopped"] == ""
    assert report(tmp_path)["cost"] == pytest.approx(12 * 170e-6)
    assert {request.index for request in first.requests} & {request.index for request in second.requests} == set()


def test_the_key_is_in_no_file_and_no_line(tmp_path, capsys, caplog):
    caplog.set_level(logging.DEBUG)

    def behave(record, nth):  # a server that says the key wherever it can
        if nth == 0:
            return failure(500, f"{KEY} {KEY}", X_Echo=KEY)
        if record.id == "tiny-3":
            return failure(400, f"your key {KEY}")
        return completion(good(record).replace("Of the", f"{KEY} Of the"), model=f"{MODEL}-{KEY}")

    status, _ = build(tmp_path, behave)
    out = capsys.readouterr()
    assert status == 0 and report(tmp_path)["explained"] == 5
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 7 and [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in out.out + out.err + caplog.text


@pytest.mark.parametrize(
    "name, value, words",
    [
        (KEY, None, "in capitals, not the key itself"),
        ("7F3A9C0D51E24B687F3A9C0D51E24B68", None, "not the key itself"),
        ("A7F3A9C0D51E24B687F3A9C0D51E24B6", None, "not the key itself"),
        ("NO_SUCH_KEY", None, "environment variable NO_SUCH_KEY is empty"),
        ("EMPTY_KEY", " ", "environment variable EMPTY_KEY is empty"),
        ("ODD_KEY", f"{KEY}\nX: y", "ODD_KEY holds characters that no key has"),
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(tmp_path, name, value, words, monkeypatch, capsys):
    if value:
        monkeypatch.setenv(name, value)
    status, server = build(tmp_path, lambda record, nth: completion(good(record)), endpoint__key_variable=name)
    error = capsys.readouterr().err
    assert status == 2 and words in error and server.requests == []
    assert KEY not in error and "9C0D51" not in error


@pytest.mark.parametrize(
    "setting, value, words",
    [
        ("endpoint__base_url", "api.example.org/v1", "--config.traces.endpoint.base_url"),
        ("endpoint__base_url", "https://me:secret@h/v1", "the key comes from the environment alone"),
        ("endpoint__model", "", "--config.traces.endpoint.model is empty"),
        ("endpoint__tokens_field", "tokens", "use one of max_completion_tokens, max_tokens"),
        ("endpoint__concurrency", 0, "--config.traces.endpoint.concurrency=0"),
        ("endpoint__requests", 0, "--config.traces.endpoint.requests=0"),
        ("endpoint__requests_per_minute", -1, "--config.traces.endpoint.requests_per_minute=-1"),
        ("endpoint__max_cost", 1.0, "--config.traces.endpoint.price_in and .price_out"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_before_anything_is_asked(tmp_path, setting, value, words, capsys):
    status, server = build(tmp_path, lambda record, nth: completion(good(record)), **{setting: value})
    assert status == 2 and words in capsys.readouterr().err and server.requests == []
