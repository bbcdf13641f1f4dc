"""Texts for benchmarks/embedder.py, the same in every run."""
import random

WORDS = (
    "solar battery market startup trend price growth user data cloud climate energy vegan sneaker crypto game travel health "
    "sleep coffee robot pet garden music video remote work school fashion skin care running bicycle heat pump balcony "
    "delivery subscription chatbot creator economy vintage repair second hand people are buying more of this because it "
    "saves them money and the new rules make it easier than it was last year in most cities").split()
RUSSIAN = (
    "солнечная батарея рынок тренд цена рост энергия кофе робот собака музыка видео работа школа мода кожа ёлка йогурт "
    "Москва покупатели искусственный интеллект доставка подписка балкон велосипед").split()
OTHERS = "新能源汽车市场增长趋势咖啡机器人音乐視訊日本語の文章カタカナ한국어텍스트"
EMOJI = ["😀", "🚀", "🔥", "💡", "👩\u200d💻", "🏳️\u200d🌈", "❤️", "🥑", "🧋", "🫠", "🇩🇪", "👍🏽"]


def hard_cases(random_source):
    def words(list_of_words, count):
        return " ".join(random_source.choice(list_of_words) for _ in range(count))

    return [
        "", " ", "\n\t", "a", "<s>", "x </s> y <mask> z <unk> <UNK> [UNK] <pad>", "\u0000\u0001\x7f", "é e\u0301 É ñ Å \u212b ǆ ﬁ ＡＢＣ",
        "ß ẞ İ ı Σίσυφος ΣΑΣ", words(WORDS, 10_000), words(RUSSIAN, 10_000), "x" * 100, "x" * 101, "word" * 3_000, "漢" * 1_000,
        "\u0301" * 500, "🚀" * 600, "https://example.com/a?utm_source=x&b=1#frag",
        "C++/C# & F#: 50% off! (really?) \"quoted\" — dash… ‘q’ «г»", "#hashtag @user $9.99 €5 £3 ¥100 ₽7",
        "१२३ ٣٤٥ ๑๒๓ ไทยภาษา हिन्दी தமிழ் עִבְרִית العَرَبِيَّة", "\u200b\u200d\ufeffzero\u200bwidth\u00adsoft", "a\u00a0b\u3000c\u2028d",
        "\ud7a3\u1100\u1161\u11a8 각", "e\u0323\u0302\u0301 q\u0307\u0323", "\U0001d165\U0001d16e \U00011938 \u0f73\u0344",
    ]


def varied(count, seed=11):
    """Every kind of text: languages, emoji, random characters, control characters, empty and very long ones."""
    r = random.Random(seed)
    texts = hard_cases(r)
    while len(texts) < count:
        kind = r.random()
        length = int(r.lognormvariate(2.6, 0.8)) + 1
        if kind < 0.5:
            text = " ".join(r.choice(WORDS) for _ in range(length)).capitalize()
        elif kind < 0.7:
            text = " ".join(r.choice(RUSSIAN) for _ in range(length))
        elif kind < 0.8:
            text = "".join(r.choice(OTHERS) for _ in range(length))
        elif kind < 0.88:
            text = " ".join(r.choice(WORDS + EMOJI) for _ in range(length))
        elif kind < 0.94:
            ranges = [(1, 0x250), (0x250, 0x3000), (0x3000, 0xD800), (0xE000, 0x30000)]
            text = "".join(chr(r.randrange(*r.choice(ranges))) for _ in range(length))
        else:
            ends = [" ", "-", ".", ", ", "\u0301", "\n", "  "]
            text = "".join(r.choice(WORDS).upper()[: r.randint(1, 9)] + r.choice(ends) for _ in range(length * 4))
        texts.append(text)
    return texts[:count]


def trends(count, seed=12):
    """Titles with descriptions, as trends have them: 4 to 120 words, 20 in the median."""
    r = random.Random(seed)
    lengths = [min(max(int(r.lognormvariate(3.0, 0.8)), 4), 120) for _ in range(count)]
    return [" ".join(r.choice(WORDS) for _ in range(length)).capitalize() + "." for length in lengths]
