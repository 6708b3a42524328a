"""All tasks by name; the two sets share no name."""

from sample_data.tasks import (
    grammar,
    held_out,
    held_out_texts,
    knowledge,
    language,
    machine,
    measures,
    numbers,
    office,
    passages,
    reviews,
)
from sample_data.tasks.core import Task

TRAIN: dict[str, Task] = {
    "addition": Task(40, numbers.addition, numbers.ADDITION),
    "multiplication": Task(40, numbers.multiplication, numbers.MULTIPLICATION),
    "percentages": Task(35, numbers.percentages, numbers.PERCENTAGES),
    "shopping_totals": Task(45, numbers.shopping_totals, numbers.SHOPPING_TOTALS),
    "equal_sharing": Task(35, numbers.equal_sharing, numbers.EQUAL_SHARING),
    "number_sorting": Task(35, numbers.number_sorting, numbers.NUMBER_SORTING),
    "quantity_comparison": Task(35, numbers.quantity_comparison, numbers.QUANTITY_COMPARISON),
    "roman_numerals": Task(40, numbers.roman_numerals, numbers.ROMAN_NUMERALS),
    "weekday_after": Task(40, measures.weekday_after, measures.WEEKDAY_AFTER),
    "date_formats": Task(35, measures.date_formats, measures.DATE_FORMATS),
    "days_between": Task(40, measures.days_between, measures.DAYS_BETWEEN),
    "length_conversion": Task(40, measures.length_conversion, measures.LENGTH_CONVERSION),
    "english_to_spanish": Task(45, language.english_to_spanish, language.ENGLISH_TO_SPANISH),
    "english_to_french": Task(40, language.english_to_french, language.ENGLISH_TO_FRENCH),
    "english_to_german": Task(40, language.english_to_german, language.ENGLISH_TO_GERMAN),
    "antonyms": Task(40, language.antonyms, language.ANTONYMS),
    "plurals": Task(40, language.plurals, language.PLURALS_PHRASINGS),
    "rhymes": Task(35, language.rhymes, language.RHYMES_PHRASINGS),
    "odd_one_out": Task(40, language.odd_one_out, language.ODD_ONE_OUT),
    "alphabetical_order": Task(30, language.alphabetical_order, language.ALPHABETICAL_ORDER),
    "letter_count": Task(30, language.letter_count, language.LETTER_COUNT),
    "reversed_words": Task(30, language.reversed_words, language.REVERSED_WORDS),
    "finish_the_saying": Task(35, language.finish_the_saying, language.FINISH_THE_SAYING),
    "grammar_correction": Task(45, grammar.grammar_correction, grammar.GRAMMAR_CORRECTION),
    "passive_voice": Task(35, grammar.passive_voice, grammar.PASSIVE_VOICE),
    "polite_requests": Task(35, grammar.polite_requests, grammar.POLITE_REQUESTS),
    "product_review_sentiment": Task(
        45, reviews.product_review_sentiment, reviews.PRODUCT_REVIEW_SENTIMENT
    ),
    "headline_topic": Task(40, reviews.headline_topic, reviews.HEADLINE_TOPIC),
    "shop_questions": Task(45, passages.shop_questions, passages.SHOP_PHRASINGS),
    "festival_questions": Task(45, passages.festival_questions, passages.FESTIVAL_PHRASINGS),
    "notice_summary": Task(40, office.notice_summary, office.NOTICE_SUMMARY),
    "order_details": Task(40, office.order_details, office.ORDER_PHRASINGS),
    "email_subject": Task(35, office.email_subject, office.EMAIL_SUBJECT),
    "table_lookup": Task(35, office.table_lookup, office.TABLE_LOOKUP),
    "general_knowledge": Task(35, knowledge.general_knowledge, knowledge.GENERAL_KNOWLEDGE),
    "country_facts": Task(35, knowledge.country_facts, knowledge.COUNTRY_FACTS),
    "step_ordering": Task(30, knowledge.step_ordering, knowledge.STEP_ORDERING),
    "ranking_logic": Task(35, machine.ranking_logic, machine.RANKING_LOGIC),
    "person_to_json": Task(30, machine.person_to_json, machine.PERSON_TO_JSON),
    "python_output": Task(35, machine.python_output, machine.PYTHON_OUTPUT),
}

TEST: dict[str, Task] = {
    "subtraction_stories": Task(15, held_out.subtraction_stories, held_out.SUBTRACTION_STORIES),
    "english_to_italian": Task(15, held_out.english_to_italian, held_out.ENGLISH_TO_ITALIAN),
    "months_ahead": Task(15, held_out.months_ahead, held_out.MONTHS_AHEAD),
    "kitchen_measures": Task(15, held_out.kitchen_measures, held_out.KITCHEN_MEASURES),
    "capital_cities": Task(15, held_out.capital_cities, held_out.CAPITAL_CITIES),
    "synonym_choice": Task(15, held_out.synonym_choice, held_out.SYNONYM_CHOICE),
    "film_review_sentiment": Task(
        15, held_out_texts.film_review_sentiment, held_out_texts.FILM_REVIEW_SENTIMENT
    ),
    "expedition_questions": Task(
        15, held_out_texts.expedition_questions, held_out_texts.EXPEDITION_QUESTIONS
    ),
    "weather_bulletin_gist": Task(
        15, held_out_texts.weather_bulletin_gist, held_out_texts.WEATHER_BULLETIN_GIST
    ),
    "match_report_facts": Task(
        15, held_out_texts.match_report_facts, held_out_texts.MATCH_REPORT_FACTS
    ),
}
