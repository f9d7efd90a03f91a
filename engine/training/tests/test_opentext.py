"""Open text is plain, natural, and shares nothing with what is kept for testing."""

from aloud_nano.opentext import runs, split_prose, spoken_form, usable


def test_spoken_form_is_words_alone() -> None:
    assert spoken_form('"It\'s late," he said - at last!') == "it's late he said at last"


def test_prose_is_cut_at_sentences_and_at_quotation_marks() -> None:
    text = '"My dear," said his lady. "Have you heard?" He had not;  he never did.'
    pieces = [spoken_form(piece) for piece in split_prose(text)]
    assert [piece for piece in pieces if piece] == [
        "my dear", "said his lady", "have you heard", "he had not", "he never did",
    ]  # fmt: skip


def test_a_sentence_that_shares_five_words_in_a_row_with_a_test_sentence_is_left_out() -> None:
    excluded = frozenset(runs("the promoter's eyes were heavy with little puffy bags"))
    sentences = ["His eyes were heavy with little sleep.", "His eyes were heavy with sleep."]
    assert usable(sentences, excluded) == ["his eyes were heavy with sleep"]


def test_a_short_test_sentence_is_left_out_whole() -> None:
    assert usable(["Not at this moment!"], frozenset(runs("not at this moment"))) == []


def test_what_nano_could_be_asked_is_never_open_text() -> None:
    kept = usable(
        ["Turn it down a little.", "What is the matter?", "He turned it down."], frozenset()
    )
    assert kept == ["he turned it down"]


def test_figures_initials_and_other_alphabets_are_left_out() -> None:
    assert usable(["Room 12 is free.", "J R lived here.", "Voilà the garden."], frozenset()) == []
