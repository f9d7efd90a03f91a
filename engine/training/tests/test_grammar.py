"""Answers are right, every step is right, calls are declared, and the held-out split is apart."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from aloud_nano.grammar import (
    INTENTS,
    Item,
    Sampler,
    declarations,
    parse_call,
    split_of,
    typed_form,
)
from aloud_nano.grammar.arithmetic import apply, parts_of, the_answer, worked
from aloud_nano.grammar.calendar import LENGTHS, MONTHS
from aloud_nano.grammar.numbers import clock_words, ordinal, value_of, with_digits, words
from aloud_nano.grammar.sampler import COMPOSITIONAL
from aloud_nano.grammar.skill import core
from aloud_nano.grammar.slots import DAYS
from aloud_nano.grammar.social import order, refusal
from aloud_nano.grammar.tools import TOOLS, call, problem
from aloud_nano.grammar.unfinished import cuts

SENTENCES = ["the quick brown fox jumps over the lazy dog", "never say never again my friend"]
SUM = re.compile(r"(-?\d+) ([-+*/]|mod) (-?\d+) = (-?\d+)")
ALL = [*INTENTS, "open", "repeat", "unfinished", "context"]


def sampler(split: str = "train") -> Sampler:
    return Sampler(split, SENTENCES, ["word", "other"], 0.1)  # type: ignore[arg-type]


def items(seed: int, count: int, intent: str | None = None) -> Iterator[Item]:
    source, rng = sampler(), random.Random(seed)
    for _ in range(count):
        yield source.draw(rng, intent)


def dialogues(seed: int, count: int) -> Iterator[list[Item]]:
    source, rng = sampler(), random.Random(seed)
    for _ in range(count):
        yield source.dialogue(rng)


def value(expression: str) -> float:
    """Of digits and + - * / only; ``20%*50`` is 20 percent of 50."""
    expression = re.sub(r"(\d+)%\*(\d+)", r"\1*\2/100", expression)
    assert re.fullmatch(r"[-+*/\d]+", expression), expression
    return eval(expression)


def true_sum(step: str) -> bool:
    return all(
        {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}.get(sign) == int(c)
        or (sign == "/" and int(a) == int(b) * int(c))
        or (sign == "mod" and int(a) % int(b) == int(c))
        for a, sign, b, c in SUM.findall(step)
    )


@pytest.mark.parametrize("intent", ALL)
def test_every_call_is_declared_and_every_text_can_be_spoken(intent: str) -> None:
    for item in items(1, 300, intent):
        assert problem(item.call) is None, item
        assert re.fullmatch(r"[a-z']+( [a-z']+)*", item.text), item
        assert 2 <= len(item.text) <= 118
        assert item.answer is None or item.answer[0].isupper(), item
        assert item.finished is (intent != "unfinished")
        assert item.intent == intent


def test_calls_of_dialogues_and_results_are_declared() -> None:
    source, rng = sampler(), random.Random(2)
    for turns in dialogues(2, 2000):
        assert 1 <= len(turns) <= 5
        for item in turns:
            assert problem(item.call) is None, item
            assert re.fullmatch(r"[a-z']+( [a-z']+)*", item.text), item
            assert item.intent
            result = source.tool_result(rng, item)
            assert result.text == "" and result.result and result.answer, result


def test_every_written_step_is_true() -> None:
    for turns in dialogues(3, 3000):
        for item in turns:
            assert all(map(true_sum, item.steps)), item
    for item in items(3, 20_000):
        assert all(map(true_sum, item.steps)), item


def test_sums_answer_the_call_and_the_call_says_the_text() -> None:
    for intent in ("math", "percent", "doubles"):
        for item in items(4, 1500, intent):
            expression = parse_call(item.call)[1]["expression"]  # type: ignore[index]
            assert item.answer == the_answer(round(value(expression))), item
            assert item.steps and item.steps[-1].endswith(f"= {round(value(expression))}")
    for intent in ("story", "price"):
        for item in items(5, 1500, intent):
            expression = parse_call(item.call)[1]["expression"]  # type: ignore[index]
            assert f" {words(round(value(expression)))}" in (item.answer or ""), item


def test_reasoning_takes_more_than_one_step() -> None:
    """At least six intents that mostly cannot be answered at once."""
    several = [
        intent
        for intent in INTENTS
        if sum(len(item.steps) > 1 for item in items(6, 200, intent)) > 120
    ]
    assert len(several) >= 6, several


def known_by_heart(left: int, sign: str, right: int) -> bool:
    """One digit of a number changes, parts of a product meet, or a line of the tables to twelve."""
    if sign in "+-":
        return len(parts_of(right)) < 2 or left <= 10 or left % 10 == 0
    if sign == "/":
        left = left // right
    return any(len(parts_of(n)) < 2 or n <= 12 for n in (left, right))


def test_sums_are_taken_apart_in_one_way_into_steps_that_are_known_by_heart() -> None:
    for left, right in itertools.product(range(0, 400, 7), range(1, 60)):
        for sign in "+-*/":
            if (sign == "-" and left < right) or (sign == "/" and left % right):
                continue
            steps = worked(left, sign, right)
            assert steps[-1].endswith(f" = {apply(left, sign, right)}"), steps
            for step in steps:
                assert true_sum(step), step
                a, operator, b, _ = SUM.findall(step)[0]
                assert known_by_heart(int(a), operator, int(b)), step


def test_days_and_dates_wrap_around() -> None:
    for item in items(7, 2000, "day"):
        values = parse_call(item.call)[1]  # type: ignore[index]
        index = DAYS.index(values["day"]) + int(values["by"])
        assert item.answer == f"It is {DAYS[index % 7].capitalize()}.", item
    for item in items(8, 2000, "date"):
        values = parse_call(item.call)[1]  # type: ignore[index]
        month, day = values["date"].split()
        index, number = MONTHS.index(month), int(day) + int(values["by"])
        if number > LENGTHS[index]:
            index, number = (index + 1) % 12, number - LENGTHS[index]
        elif number < 1:
            index = (index - 1) % 12
            number += LENGTHS[index]
        assert item.answer == f"It is {MONTHS[index].capitalize()} {ordinal(number)}.", item


def minutes_of(compact: str) -> int:
    hour, minute, half = re.fullmatch(r"(\d+):(\d\d)([ap]m)", compact).groups()  # type: ignore
    return (int(hour) % 12 + (12 if half == "pm" else 0)) * 60 + int(minute)


def test_clock_keeps_the_half_of_the_day() -> None:
    for item in items(9, 2000, "time"):
        values = parse_call(item.call)[1]  # type: ignore[index]
        sign, hours, rest = re.fullmatch(r"([+-])(?:(\d+)h)?(?:(\d+)m)?", values["by"]).groups()  # type: ignore
        shift = int(hours or 0) * 60 + int(rest or 0)
        end = (minutes_of(values["time"]) + (shift if sign == "+" else -shift)) % 1440
        match = re.fullmatch(r"It is (.+) ([ap]) m\.", item.answer or "")
        assert match
        hour = (end // 60 - 1) % 12 + 1
        assert item.answer == f"It is {clock_words(f'{hour}:{end % 60:02d}{match[2]}m')}."
        assert (match[2] == "p") == (end >= 720), item


def test_sorting_and_largest() -> None:
    for item in items(10, 800, "sort"):
        values = parse_call(item.call)[1]  # type: ignore[index]
        wanted = sorted(map(int, values["numbers"].split()), reverse=values["order"] == "down")
        assert [value_of(n) for n in (item.answer or "").lower()[:-1].split(", ")] == wanted
    for item in items(11, 800, "largest"):
        values = parse_call(item.call)[1]  # type: ignore[index]
        pick = max if values["order"] == "largest" else min
        best = words(pick(map(int, values["numbers"].split())))
        assert (item.answer or "").lower().startswith(f"{best} is")


def test_letters_are_numbered_to_the_end() -> None:
    for item in items(12, 300, "letters"):
        word = parse_call(item.call)[1]["word"]  # type: ignore[index]
        assert item.steps[0].endswith(f"{word[-1]}{len(word)}")
    for item in items(13, 300, "nth_letter"):
        values = parse_call(item.call)[1]  # type: ignore[index]
        last = values["position"] == "last"
        at = len(values["word"]) if last else int(values["position"])
        assert (item.answer or "").endswith(f" is {values['word'][at - 1].upper()}.")


@pytest.mark.parametrize("split", ["train", "test"])
def test_samplers_never_cross_the_split(split: str) -> None:
    source, rng = sampler(split), random.Random(14)
    for _ in range(3000):
        item = source.draw(rng)
        if item.intent in COMPOSITIONAL:
            assert split_of(item.text) == split
    for _ in range(1000):
        item = source.draw_typed(rng)
        if item.intent in COMPOSITIONAL:
            assert split_of(item.text) == split


@pytest.mark.parametrize("split", ["train", "test"])
def test_dialogues_and_cut_requests_never_cross_the_split(split: str) -> None:
    source, rng = sampler(split), random.Random(15)
    for _ in range(300):
        turns = source.dialogue(rng)
        opening = turns[0]
        if opening.intent == "context":
            continue
        whole, intent = opening.text, opening.intent
        if not opening.finished:
            whole, intent = f"{opening.text} {turns[1].text}", turns[1].intent
        together = " / ".join(item.text for item in turns)
        assert split_of(whole if intent in COMPOSITIONAL else together) == split


@pytest.mark.parametrize("intent", sorted(INTENTS))
def test_every_intent_has_texts_in_both_splits(intent: str) -> None:
    for split in ("train", "test"):
        source, rng = sampler(split), random.Random(16)
        assert len({source.draw(rng, intent).text for _ in range(60)}) >= 3


def test_courtesy_does_not_carry_a_request_over() -> None:
    for text in ("set a timer for ten minutes", "what is three plus four"):
        for wrapped in (f"please {text}", f"um could you {text} thanks", f"can you tell me {text}"):
            assert core(wrapped) == text
            assert split_of(wrapped) == split_of(text)


def test_unfinished_requests_are_never_complete() -> None:
    whole = {item.text for item in items(17, 40_000)}
    for item in items(18, 3000, "unfinished"):
        assert item.text not in whole, item
        assert item.call == "unfinished()" and item.answer
    assert cuts("turn on the kitchen lights") == [1, 3]
    assert not cuts("pause")


def test_unfinished_requests_ask_for_what_is_missing() -> None:
    answers = {item.text: item.answer for item in items(19, 8000, "unfinished")}
    timers = {a for t, a in answers.items() if t.endswith("timer for")}
    assert timers == {"For how long?"}
    alarms = {a for t, a in answers.items() if t.endswith("an alarm for")}
    assert alarms == {"At what time?"}


def test_a_completion_is_answered_as_the_whole_request() -> None:
    """The rest alone stands in the text; call and answer are those of both together."""
    seen = 0
    for turns in dialogues(20, 2000):
        if turns[0].finished:
            continue
        seen += 1
        rest = turns[1]
        assert rest.steps[0] == f"together: {turns[0].text} {rest.text}"
        assert rest.finished and rest.call != "unfinished()"
    assert seen > 100


def test_what_a_request_lacks_is_asked_for_and_filled_in() -> None:
    seen = 0
    for turns in dialogues(30, 2000):
        if turns[0].intent == "missing":
            slot = parse_call(turns[0].call)[1]["missing"]  # type: ignore[index]
            assert slot in parse_call(turns[1].call)[1]  # type: ignore[index]
            assert slot in TOOLS[turns[1].call.partition("(")[0]].parameters
            seen += 1
    assert seen > 60


def test_a_follow_up_keeps_what_it_does_not_change() -> None:
    """ "and in the bedroom" after a kitchen light is a whole call with one slot changed."""
    seen = 0
    for turns in dialogues(21, 2000):
        for old, new in pairwise(turns):
            if not new.steps or new.steps[0] != f"same as before: {new.call.partition('(')[0]}":
                continue
            name, values = parse_call(new.call)  # type: ignore[misc]
            before = next((parse_call(t.call) for t in reversed(turns[: turns.index(new)])
                           if t.call.startswith(f"{name}(")), None)  # fmt: skip
            assert before, (old, new)
            shared = [k for k in values if before[1].get(k) == values[k]]
            changed = [k for k in values if before[1].get(k) != values[k]]
            assert len(changed) <= 3 and (shared or len(values) <= 3), turns
            assert {f"new {k}: {values[k]}" for k in changed} <= set(new.steps)
            seen += 1
    assert seen > 500


def test_sums_go_on_from_the_last_answer() -> None:
    seen = 0
    for turns in dialogues(22, 3000):
        for item in turns[1:]:
            if item.steps and re.fullmatch(r"before: \d+", item.steps[0]) and item.intent == "math":
                expression = parse_call(item.call)[1]["expression"]  # type: ignore[index]
                assert expression.startswith(item.steps[0].removeprefix("before: "))
                assert item.answer == the_answer(round(value(expression)))
                seen += 1
    assert seen > 300


def test_questions_about_the_talk_itself() -> None:
    calls: Counter[str] = Counter()
    for turns in dialogues(23, 3000):
        for before, item in pairwise(turns):
            calls[item.call.partition("(")[0]] += 1
            if item.call == "recall()":
                assert item.answer == f'You said "{before.text}".'
            if item.call == "repeat_answer()":
                assert item.answer == before.answer
    assert min(calls[name] for name in ("recall", "repeat_answer", "explain", "translate")) > 20


def test_a_follow_up_with_nothing_before_it_is_answered_honestly() -> None:
    answers = {item.text: item.answer for item in items(24, 3000, "context")}
    assert answers["make it ten"] == "What should I change?"
    assert answers["what did i just ask"] == "You have not asked anything yet."


def test_results_confirm_fail_or_are_read_out() -> None:
    source, rng = sampler(), random.Random(25)
    light = Item("", call("set_light", state="on"), "The lights are on.", "lights")
    results = [source.tool_result(rng, light) for _ in range(300)]
    assert any(r.result == "ok" and r.answer == light.answer for r in results)
    assert any("error" in (r.result or "") for r in results)
    assert all(r.answer == light.answer or "did not work" in (r.answer or "") for r in results)
    weather = Item("", call("get_weather", place="paris"), "", "weather")
    for result in (source.tool_result(rng, weather) for _ in range(300)):
        if (result.result or "").startswith("{"):
            json.loads(result.result or "")
        degrees = re.search(r"\d+", result.result or "")
        if degrees:
            assert f"It is {words(int(degrees[0]))} degree" in (result.answer or ""), result
            assert " in Paris." in (result.answer or "")


def test_confusable_numbers_are_frequent() -> None:
    texts = [item.text for item in items(26, 2000, "timer")]
    assert sum("fifteen" in t or "fifty" in t for t in texts) / len(texts) > 0.05
    halves = Counter(
        m[1] for i in items(27, 2000, "alarm") if (m := re.search(r"([ap]) m\b", i.text))
    )
    assert 0.4 < halves["a"] / sum(halves.values()) < 0.6


def test_no_intent_dominates() -> None:
    drawn = Counter(item.intent for item in items(28, 20_000))
    assert len(INTENTS) >= 60
    assert max(drawn[name] for name in INTENTS if name != "acoustic") < 0.06 * 20_000


def test_refusals_repeat_only_what_is_short() -> None:
    assert refusal("buy me a horse") == 'I heard "buy me a horse", but I can\'t help with that.'
    assert refusal("one two three four five six seven eight nine") == (
        "Sorry, I can't help with that."
    )


def test_orders_of_recordings_are_declared_calls() -> None:
    made, answer = order("latte", "small", "", "double shot", "a bit of soy milk", "")
    assert (
        made == "order_coffee(drink=latte, size=small, shots=double shot, milk=a bit of soy milk)"
    )
    assert problem(made) is None
    assert answer == "One small double shot latte with a bit of soy milk, coming up."


def test_numbers_in_words_and_digits() -> None:
    assert words(115) == "one hundred fifteen"
    assert words(9000) == "nine thousand"
    for number in range(0, 9999, 7):
        assert value_of(words(number)) == number
    assert with_digits("set a timer for twenty five minutes") == "set a timer for 25 minutes"
    assert with_digits("three four five") == "3 4 5"
    assert with_digits("one hundred and five plus two") == "105 plus 2"


def test_typed_forms_hold_operators_clocks_and_units() -> None:
    rng = random.Random(29)
    sums = {typed_form("three plus four", rng) for _ in range(200)}
    assert {"3 + 4", "3+4", "three plus four"} <= sums
    clocks = {typed_form("wake me up at seven thirty a m", rng) for _ in range(200)}
    assert {"wake me up at 7:30 am", "wake me up at 7:30am"} <= clocks
    assert "20% of 50" in {typed_form("twenty percent of fifty", rng) for _ in range(200)}
    assert "timer 15 min" in {typed_form("timer fifteen minutes", rng) for _ in range(200)}


def test_declarations_are_json_schemas() -> None:
    declared = json.loads(json.dumps(declarations()))
    assert len(declared) == len(TOOLS)
    light = next(tool for tool in declared if tool["name"] == "set_light")
    assert light["kind"] == "action"
    assert light["parameters"]["properties"]["state"] == {
        "type": "string", "description": "On or off.", "enum": ["on", "off"],
    }  # fmt: skip


def test_calls_are_parsed_and_what_is_none_is_not() -> None:
    made = call("set_light", room="living room", state="on", colour=None)
    assert made == "set_light(room=living room, state=on)"
    assert parse_call(made) == ("set_light", {"room": "living room", "state": "on"})
    assert parse_call("unknown()") == ("unknown", {})
    for text in (
        "",
        "set_light",
        "set_light(kitchen)",
        "set_light(room=)",
        "Set(room=x)",
        "a(b=(c))",
    ):
        assert parse_call(text) is None, text
    assert problem("set_light(room=kitchen, mood=good)") == "set_light has no parameter mood"
