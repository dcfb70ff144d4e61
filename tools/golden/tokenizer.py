#!/usr/bin/env python3
"""Writes tests/golden/tokenizer/parts.json: small tokenizers of every kind of part, with what the
PyPI package `tokenizers` (0.23.3) makes of hard strings. Usage: tokenizer.py OUTPUT"""
import json
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models as M
from tokenizers import normalizers as N, pre_tokenizers as P, processors as Q, trainers as T

SPECIAL = ["<unk>", "<s>", "</s>", "[UNK]", "[CLS]", "[SEP]"]
CASED = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
HAN = WORDS.replace(r"\p{L}+", r"[\p{L}&&[^\p{Han}]]+|[\p{Han}]+")

TEXT = [
    "The quick brown fox jumps over the lazy dog. It's 2026, isn't it? We'll see what they've got.",
    "def encode(self, text):\n    if not text:\n        return []\n    return self.model(text)",
    "Über Äpfel und Öl: café, naïve, façade; Привет, мир! Как дела? Ёлка.",
    "你好，世界！今天天气怎么样？我们在这里。日本語のテキストとカタカナ。한국어 문장입니다.",
    "https://example.com/path?query=1&other=2#fragment and <b>bold</b> or {\"key\": [1, 2.5]}",
]
PARTS = [
    "Hello", " world", " the", "the", "theory", " café", "naïve", "ÀÉ", "ß", "İ", "ſ", "ﬁ", "½",
    "x²", "①", "１２３", "Ａ", "Å", "e\u0301", "a\u0316\u0301", "你好", "世界", "天气", "カタカナ",
    "한국어", "Привет", "Ёлка", "مرحبا", "שלום", "नमस्ते", "ไทย", "😀", "👩\u200d👧", "🇨🇳",
    "❤\ufe0f", " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", " \n ", "\u00a0", "\u3000", "\u200b",
    "\u2028", "\u0085", "\u180e", "\ufeff", "\x00", "\x7f", "1", "12", "1234567", "3.14", "1,000",
    "'s", "'LL", "don't", "I'VE", "'ſ", "...", "!?", "==", "->", "//", "_", "<s>", "</s>",
    "[CLS]", "[UNK]", "<unk>", "<x>", "<yy>", "▁", "▁the", "camelCase", "HTTPServer", "ALLCAPS",
    "#", "a" * 30, "—", "“q”", "…"]


def train(model, trainer, **parts):
    t = Tokenizer(model)
    for name, part in parts.items():
        if part is not None:
            setattr(t, name, part)
    t.train_from_iterator(TEXT * 2, trainer)
    return t


def byte_level(*stages, regex=False, prefix=False, post=None, norm=None, **model):
    pre = P.Sequence([*stages, P.ByteLevel(add_prefix_space=prefix, use_regex=regex)])
    trainer = T.BpeTrainer(vocab_size=380, special_tokens=SPECIAL, show_progress=False,
                           initial_alphabet=P.ByteLevel.alphabet())
    t = train(M.BPE(**model), trainer, pre_tokenizer=pre, normalizer=norm, decoder=D.ByteLevel())
    if post:
        t.post_processor = post
    return t


def sentencepiece(norm=None, pre=None, dec=None):
    trainer = T.BpeTrainer(vocab_size=520, limit_alphabet=70, show_progress=False,
                           special_tokens=SPECIAL + [f"<0x{b:02X}>" for b in range(256)])
    return train(M.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), trainer,
                 normalizer=norm, pre_tokenizer=pre, decoder=dec)


def unigram(pre, dec, norm=None):
    trainer = T.UnigramTrainer(vocab_size=330, unk_token="<unk>", show_progress=False)
    return train(M.Unigram(), trainer, pre_tokenizer=pre, decoder=dec, normalizer=norm)


def word_piece(**normalizer):
    trainer = T.WordPieceTrainer(vocab_size=330, special_tokens=SPECIAL, show_progress=False)
    t = train(M.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20), trainer,
              normalizer=N.BertNormalizer(**normalizer), pre_tokenizer=P.BertPreTokenizer(),
              decoder=D.WordPiece())
    t.post_processor = Q.BertProcessing(("[SEP]", 5), ("[CLS]", 4))
    return t


def split(pattern, behavior="isolated", invert=False):
    return P.Split(Regex(pattern), behavior, invert)


def with_added(t):
    t.add_tokens([AddedToken("Hello", single_word=True, normalized=False),
                  AddedToken("<x>", lstrip=True, rstrip=True),
                  AddedToken("the", normalized=True), AddedToken("theory", normalized=True),
                  AddedToken("<yy>", normalized=False)])
    return t


def tokenizers():
    strip = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    template = Q.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    yield "gpt2", byte_level(regex=True, post=template)
    yield "roberta", byte_level(regex=True, prefix=True,
                                post=Q.RobertaProcessing(("</s>", 2), ("<s>", 1)))
    yield "words", byte_level(split(WORDS))
    yield "words_ignore_merges", byte_level(split(WORDS), ignore_merges=True)
    yield "cased", byte_level(split(CASED))
    yield "intersected", byte_level(split(HAN))
    yield "triples", byte_level(split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(r"\p{N}+"),
                                split(r"(?=(\d{3})+(?!\d))"), split(r"\s+$"))
    yield "falcon", falcon()
    yield "behaviours", byte_level(split(r"\s", "merged_with_next"),
                                   split("e", "merged_with_previous"), split("[lo]", "contiguous"),
                                   split(r"[a-c\h]", "removed"))
    yield "inverted", byte_level(P.Whitespace(), split(r"\w+|[^\w\s]+", "removed", True))
    yield "nfc", byte_level(split(WORDS), norm=N.NFC())
    yield "nfkd", byte_level(P.Digits(True), split(WORDS), norm=N.Sequence(
        [N.NFKD(), N.StripAccents(), N.Lowercase(), N.Strip(), N.Replace(Regex(r"\s+"), " ")]))
    yield "added", with_added(byte_level(split(WORDS), norm=N.Lowercase()))
    yield "llama2", sentencepiece(norm=N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), dec=strip)
    yield "gemma", sentencepiece(norm=N.Replace(" ", "▁"), pre=P.Split(" ", "merged_with_previous"),
                                 dec=D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]))
    yield "metaspace_first", sentencepiece(pre=P.Metaspace(prepend_scheme="first", split=False),
                                           dec=D.Metaspace(prepend_scheme="first", split=False))
    yield "unigram", unigram(P.Sequence([P.WhitespaceSplit(), P.Metaspace()]), D.Metaspace(),
                             N.Sequence([N.Nmt(), N.NFKC()]))
    yield "wordpiece", word_piece()
    yield "wordpiece_cased", word_piece(lowercase=False)


def falcon():
    return train(M.BPE(), T.BpeTrainer(vocab_size=380, special_tokens=SPECIAL, show_progress=False,
                                       initial_alphabet=P.ByteLevel.alphabet()),
                 decoder=D.ByteLevel(), pre_tokenizer=P.Sequence(
                     [P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False),
                      P.Digits(False), split("[0-9][0-9][0-9]")]))


def main():
    rng = random.Random(20260101)
    texts = TEXT + ["", " "] + ["".join(rng.choices(PARTS, k=rng.randint(1, 7))) for _ in range(60)]
    out = {"texts": texts, "tokenizers": {}}
    for name, trained in tokenizers():
        spec = json.loads(trained.to_str())
        # Bytes are ordinary tokens, as in published files; the trainer makes them special.
        spec["added_tokens"] = [a for a in spec["added_tokens"] if a["content"][:3] != "<0x"]
        t = Tokenizer.from_str(json.dumps(spec))
        cases = []
        for text in texts:
            t.encode_special_tokens = False
            ids = t.encode(text, add_special_tokens=False).ids
            special = t.encode(text).ids
            t.encode_special_tokens = True
            plain = t.encode(text, add_special_tokens=False).ids
            cases.append([ids, special, plain, t.decode(ids, skip_special_tokens=False),
                          t.decode(ids, skip_special_tokens=True)])
        out["tokenizers"][name] = {"tokenizer": spec, "cases": cases}
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(out, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
