#!/usr/bin/env python3
"""Writes tests/golden/tokenizer/files: folders with tokenizer files other than tokenizer.json, and
cases.json with what the libraries that own these files make of hard strings: sentencepiece 0.2,
tiktoken 0.12 and transformers 5.23. Usage: tokenizer_files.py OUTPUT_FOLDER"""
import base64
import io
import json
import pathlib
import random
import sys
import unicodedata

import sentencepiece
import tiktoken
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import BertTokenizer, GPT2Tokenizer, Qwen2Tokenizer, RobertaTokenizer

from tokenizer import PARTS, TEXT, WORDS

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = WORDS.replace(r"\p{N}{1,3}", r"\p{N}")
KIMI = (r"[\p{Han}]+"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+" + CONTRACTIONS + "?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*" + CONTRACTIONS + r"?|\p{N}{1,3}" + TAIL)
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
RULES = {"ﬁ": "fi", "Ａ": "A", "１": "1", "２": "2", "３": "3", "①": "1", "\u3000": " ",
         "\u00a0": " ", "\t": " ", "\n": " ", "½": "1/2", "e\u0301": "\u00e9", "x²": "x2"}
SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<sop>", "[EOS]", "[SEP]",
           "<mask>", "<user>", "<tool>"]


def corpus():
    return TEXT * 4 + [" ".join(PARTS[:12])] * 2 + ["天气" * 3, "aaaa bbbb abab"] * 3


def texts():
    rng = random.Random(7)
    mixed = ["".join(rng.choices(PARTS + SPECIAL, k=rng.randint(1, 8))) for _ in range(34)]
    return TEXT + mixed + ["", " ", "  a  b ", "abab<user>abab", " <tool>  x", "aaaaaaa"]


def spm(folder, settings, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, hard_vocab_limit=False,
        minloglevel=2, num_threads=1, **options)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    unknown = processor.unk_id()

    def case(text):
        ids = processor.encode(text)
        return {"plain": ids, "decoded": None if unknown in ids else processor.decode(ids)}
    return case


def unused_pieces(folder):
    """Some pieces of the BPE model marked unused, which the library takes apart again."""
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto.FromString((folder / "tokenizer.model").read_bytes())
    for i, piece in enumerate(proto.pieces):
        if piece.type == 1 and len(piece.piece) > 2 and i % 3 == 0:
            piece.type = 5
    (folder / "tokenizer.model").write_bytes(proto.SerializeToString())
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    return lambda text: {"plain": processor.encode(text),
                         "decoded": processor.decode(processor.encode(text))}


def byte_pairs(size):
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return json.loads(trained.to_str())["model"]


def byte_of():
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in keep]
    return {**{chr(b): b for b in keep}, **{chr(256 + i): b for i, b in enumerate(rest)}}


def ranks(folder, name, settings, pattern, specials, nfc=False):
    decode = byte_of()
    vocabulary = sorted(byte_pairs(420)["vocab"].items(), key=lambda entry: entry[1])
    table = {bytes(decode[c] for c in token): rank for token, rank in vocabulary}
    (folder / name).write_text("".join(
        f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in table.items()))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
    special = {token: len(table) + i for i, token in enumerate(specials)}
    encoding = tiktoken.Encoding(folder.name, pat_str=pattern, mergeable_ranks=table,
                                 special_tokens=special)

    def case(text):
        if nfc:
            text = unicodedata.normalize("NFC", text)
        ids = encoding.encode(text, allowed_special="all")
        return {"ids": ids, "plain": encoding.encode(text, disallowed_special=()),
                "decoded": encoding.decode(ids)}
    return case


def added(first, tokens):
    return {"added_tokens_decoder": {
        str(first + i): {"content": token, "special": True, "normalized": False, "lstrip": False,
                         "rstrip": False, "single_word": False} for i, token in enumerate(tokens)}}


def merges(folder, kind, settings, specials, extra=None):
    model = byte_pairs(400)
    for token in specials:
        model["vocab"].setdefault(token, len(model["vocab"]))
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(
        f"{a} {b}\n" for a, b in model["merges"]), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
    for name, content in (extra or {}).items():
        (folder / name).write_text(json.dumps(content) + "\n")
    return transformer(kind, folder)


def transformer(kind, folder):
    reference = kind.from_pretrained(folder)

    def case(text):
        ids = reference.encode(text, add_special_tokens=False)
        return {"ids": ids, "special": reference.encode(text),
                "decoded": reference.decode(ids, clean_up_tokenization_spaces=False)}
    return case


def word_piece(folder, settings):
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(
        corpus() + [text.lower() for text in corpus()],
        trainers.WordPieceTrainer(vocab_size=300, show_progress=False, special_tokens=[
            "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    vocabulary = sorted(trained.get_vocab().items(), key=lambda entry: entry[1])
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocabulary),
                                      encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
    return transformer(BertTokenizer, folder)


def main():
    out = pathlib.Path(sys.argv[1])

    def folder(name):
        (out / name).mkdir(parents=True, exist_ok=True)
        return out / name

    rules = out / "rules.tsv"
    out.mkdir(parents=True, exist_ok=True)
    rules.write_text("".join(
        " ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n"
        for a, b in RULES.items()), encoding="utf-8")
    llama = {"tokenizer_class": "LlamaTokenizer", "legacy": True}
    bytewise = dict(model_type="bpe", vocab_size=620, byte_fallback=True,
                    normalization_rule_name="identity", remove_extra_whitespaces=False)
    cases = {}
    cases["spm-llama"] = spm(folder("spm-llama"), llama, **bytewise)
    cases["spm-user-defined"] = spm(
        folder("spm-user-defined"), {}, model_type="bpe", vocab_size=300,
        user_defined_symbols=["<user>", "<tool>", "bab", "▁x"], normalization_rule_tsv=str(rules))
    spm(folder("spm-unused"), {}, **bytewise)
    cases["spm-unused"] = unused_pieces(folder("spm-unused"))
    cases["unigram"] = spm(folder("unigram"), {}, model_type="unigram", vocab_size=220,
                           normalization_rule_tsv=str(rules), user_defined_symbols=["<user>"])
    cases["unigram-suffix"] = spm(
        folder("unigram-suffix"), {}, model_type="unigram", vocab_size=480, byte_fallback=True,
        treat_whitespace_as_suffix=True, normalization_rule_name="identity")
    cases["unigram-no-prefix"] = spm(
        folder("unigram-no-prefix"), {}, model_type="unigram", vocab_size=480, byte_fallback=True,
        add_dummy_prefix=False, remove_extra_whitespaces=False,
        normalization_rule_name="identity")
    cases["qwen"] = ranks(
        folder("qwen"), "qwen.tiktoken", {"tokenizer_class": "QWenTokenizer"}, QWEN,
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [f"<|extra_{i}|>" for i in range(205)],
        nfc=True)
    glm = ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>"]
    cases["chatglm4"] = ranks(
        folder("chatglm4"), "tokenizer.model",
        {"tokenizer_class": "ChatGLM4Tokenizer", **added(420, glm)}, WORDS, glm)
    kimi = ["[BOS]", "[EOS]", "<|im_end|>"]
    cases["kimi"] = ranks(
        folder("kimi"), "tiktoken.model",
        {"tokenizer_class": "TikTokenTokenizer", **added(420, kimi)}, KIMI,
        kimi + [f"<|reserved_token_{420 + i}|>" for i in range(3, 256)])
    cases["pat-str"] = ranks(folder("pat-str"), "some.tiktoken", {"pat_str": GPT2}, GPT2, [])
    cases["gpt2"] = merges(folder("gpt2"), GPT2Tokenizer, {"tokenizer_class": "GPT2Tokenizer"},
                           ["<|endoftext|>"])
    cases["qwen2"] = merges(
        folder("qwen2"), Qwen2Tokenizer,
        {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "bos_token": None,
         "add_bos_token": False, **added(400, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])}, [])
    cases["roberta"] = merges(
        folder("roberta"), RobertaTokenizer, {"tokenizer_class": "RobertaTokenizer"},
        ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        {"special_tokens_map.json": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                                     "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>",
                                     "mask_token": "<mask>"}})
    cases["bert-uncased"] = word_piece(folder("bert-uncased"), {"tokenizer_class": "BertTokenizer"})
    cases["bert-cased"] = word_piece(
        folder("bert-cased"), {"tokenizer_class": "BertTokenizer", "do_lower_case": False})
    rules.unlink()
    hard = texts()
    with open(out / "cases.json", "w", encoding="utf-8") as f:
        json.dump({"texts": hard, "folders": {name: [case(text) for text in hard]
                                              for name, case in cases.items()}},
                  f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
