"""Tests planted in rows of many scripts: found, and nothing else is."""

import pytest

from tma_prep.leakage.rule import find_leaks
from tma_prep.leakage.words import word_count, words_of

# Of each script a test, what stands before and after it in a row, and rows of the same phrases.
PLANTED = {
    "Latin": (
        "Où se trouve la plus ancienne bibliothèque publique de la ville de Besançon ?",
        "Réponds à la question suivante, élève studieux : ",
        " Écris ta réponse en une phrase.",
        ("Où se trouve la plus ancienne église de la ville de Nîmes ?", "Réponds à la question."),
    ),
    "Cyrillic": (
        "В каком году был построен самый старый каменный мост через реку Волхов?",
        "Ответьте на следующий вопрос подробно: ",
        " Объясните ход ваших мыслей.",
        ("В каком году был построен самый длинный мост?", "Ответьте на вопрос подробно."),
    ),
    "Arabic": (
        "ما هو أَقْدَمُ جِسْرٍ حجري بُنِيَ فوق نهر دجلة في مدينة الموصل القديمة؟",
        "أجب عن السؤال التالي باختصار: ",
        " ثم اشرح إجابتك في جملة واحدة.",
        ("ما هو أَطْوَلُ جِسْرٍ بُنِيَ فوق نهر النيل في مدينة القاهرة؟", "أجب عن السؤال."),
    ),
    "Devanagari": (
        "यमुना नदी पर बना सबसे पुराना पत्थर का पुल किस शहर में स्थित है और कब बना?",
        "निम्नलिखित प्रश्न का उत्तर दीजिए: ",
        " अपना उत्तर एक वाक्य में लिखिए।",
        ("गंगा नदी पर बना सबसे लंबा पुल किस राज्य में है?", "प्रश्न का उत्तर दीजिए।"),
    ),
    "Chinese": (
        "黄河上最古老的石桥建于哪一年它位于哪座城市",
        "请用一句话回答下面的问题想一想",
        "并说明你的理由",
        ("请用一句话回答下面的问题：长江上最长的大桥建于哪一年？", "黄河位于哪座城市的北面？"),
    ),
    "Japanese": (
        "利根川に架かる最も古い石橋は何年に造られどの町にありますか",
        "次の問いに一文で答えてください",
        "理由も述べてください",
        (
            "利根川に架かる最も長い橋はどれですか。",
            "次の問いに一文で答えてください。京都はどこですか。",
        ),
    ),
    "Thai": (
        "สะพานหินที่เก่าแก่ที่สุดข้ามแม่น้ำเจ้าพระยาสร้างขึ้นในปีใดและอยู่ที่เมืองไหน",
        "จงตอบคำถามต่อไปนี้",
        "พร้อมทั้งอธิบายเหตุผลของคุณด้วย",
        ("จงตอบคำถามต่อไปนี้ สะพานที่ยาวที่สุดข้ามแม่น้ำโขงอยู่ที่จังหวัดใด", "แม่น้ำเจ้าพระยายาวเท่าไร"),
    ),
    "Khmer": (
        "តើស្ពានថ្មចាស់ជាងគេឆ្លងកាត់ទន្លេមេគង្គត្រូវបានសាងសង់នៅឆ្នាំណាហើយនៅទីក្រុងណា",
        "ចូរឆ្លើយសំណួរខាងក្រោម",
        "ហើយពន្យល់ពីមូលហេតុរបស់អ្នក",
        ("ចូរឆ្លើយសំណួរខាងក្រោម តើស្ពានវែងជាងគេនៅខេត្តណា", "តើទន្លេសាបជ្រៅប៉ុន្មាន"),
    ),
    "Burmese": (
        "ဧရာဝတီမြစ်ကိုဖြတ်၍ဆောက်ထားသောရှေးအကျဆုံးတံတားသည်မည်သည့်မြို့တွင်ရှိသနည်း",
        "အောက်ပါမေးခွန်းကိုဖြေပါ",
        "အကြောင်းပြချက်ကိုလည်းရေးပါ",
        ("အောက်ပါမေးခွန်းကိုဖြေပါ ရန်ကုန်မြို့သည်ဘယ်မှာရှိသနည်း", "အရှည်ဆုံးတံတားသည်မည်သည့်တံတားနည်း"),
    ),
    "Korean": (
        "금강을 가로지르는 가장 오래된 돌다리는 몇 년에 세워졌으며 지금 어느 도시에 있습니까?",
        "다음 질문에 한 문장으로 답하세요. ",
        " 그렇게 생각한 이유도 적으세요.",
        ("한강을 가로지르는 가장 긴 다리는 어느 것입니까?", "다음 질문에 한 문장으로 답하세요."),
    ),
}


@pytest.mark.parametrize("script", PLANTED)
def test_a_planted_test_is_found_and_nothing_else(script: str) -> None:
    """Whatever touches it, its case apart; rows that share phrases with it are let be."""
    test, before, after, unrelated = PLANTED[script]
    pool = [f"{before}{test}{after}", test.swapcase(), *unrelated, before, after]
    found = find_leaks(enumerate(pool), len(pool), [(7, test)])
    assert (found.rows.tolist(), found.equal_rows) == ([0, 1], 1)
    for row in unrelated:
        assert not len(find_leaks([(0, row)], 1, [(7, test)], "any").touching)


@pytest.mark.parametrize("script", PLANTED)
def test_the_larger_part_of_a_test_is_found(script: str) -> None:
    """Three quarters of it hold half of its n-grams, one quarter does not."""
    test, before, after, _ = PLANTED[script]
    test = f"{test} {after} {before}"
    pool = [f"{before}{test[: len(test) * 3 // 4]}", f"{after}{test[: len(test) // 4]}"]
    assert find_leaks(enumerate(pool), 2, [(7, test)]).rows.tolist() == [0]


@pytest.mark.parametrize("script", PLANTED)
def test_no_script_holds_the_tests_of_another(script: str) -> None:
    """Every row of all of them against one test."""
    tests = [(0, PLANTED[script][0])]
    pool = [part for name, text in PLANTED.items() if name != script for part in text[:3]]
    assert not len(find_leaks(enumerate(pool), len(pool), tests, "any").touching)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में १२ किताबें।", ["हिन्दी", "में", "१२", "किताबें"]),
        ("مُحَمَّد ٢٠٢٤،كتب", ["مُحَمَّد", "٢٠٢٤", "كتب"]),
        ("שָׁלוֹם, עולם", ["שָׁלוֹם", "עולם"]),
        ("கோவில் 3", ["கோவில்", "3"]),
        ("İstanbul'da ´x´", ["i̇stanbul", "da", "x"]),
        ("ที่นี่ ๑๒๓บาท", ["ที่", "นี่", "๑๒๓", "บ", "า", "ท"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("iPhone手机2台", ["iphone", "手", "机", "2", "台"]),
        ("コーヒー、か゛ﾊﾞ々", ["コ", "ー", "ヒ", "ー", "か", "バ", "々"]),
        ("서울에 갔다", ["서울에", "갔다"]),
        ("བོད་ཡིག", ["བོད", "ཡིག"]),
        ("می‌خواهم کو­تاه", ["میخواهم", "کوتاه"]),
        ("क्‍ष 1️⃣ ❤️ 葛󠄀", ["क्ष", "1", "葛"]),
    ],
)
def test_what_is_a_word(text: str, words: list[str]) -> None:
    """Marks and digits are parts of words, what is unseen is not there."""
    assert words_of(text) == [word for word in words_of(" | ".join(words))] == words


def test_characters_are_parts_of_words() -> None:
    """Two of Chinese, three of Thai are one; a short test of them must equal the whole row."""
    assert word_count(words_of("北京 is big")) == 3
    assert word_count(words_of("ที่นี่ดี 2")) == 2
    rows = [(0, "答案是北京。"), (1, "北京！"), (2, "中国的首都是北京吗")]
    assert find_leaks(rows, 3, [(0, "北京")]).rows.tolist() == [1]
    assert find_leaks(rows, 3, [(0, "首都是北")]).rows.tolist() == [2]


def test_vowel_signs_tell_words_apart() -> None:
    """Eight Hindi words that differ in their signs alone are no leak."""
    test = "कल मल पल जल बल दल फल तल"
    other = "काल माल पाल जाल बाल दाल फाल ताल"
    assert not len(find_leaks([(0, other)], 1, [(0, test)], "any").touching)
