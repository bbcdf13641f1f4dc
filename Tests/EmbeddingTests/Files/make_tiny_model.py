#!/usr/bin/env python3
"""Makes the files of the embedder's tests: a tiny MPNet with random weights, and what the reference makes of some texts.

usage: make_tiny_model.py            (writes into the folder of this script)

  tiny/model.safetensors   the weights of transformers' MPNetModel: width 64, 2 heads, 2 layers
  tiny/config.json
  tiny/tokenizer.json      the rules of all-mpnet-base-v2 with a vocabulary of some letters and words
  tokens.json              texts and their ids by the package `tokenizers`
  embeddings.json          texts and the unit vectors that PyTorch computes: mean over all tokens
  characters.txt           what the tokenizer does with each Unicode scalar: the first of each run, and its class

Needs: pip install torch transformers tokenizers safetensors. Made with torch 2.15.0, transformers 5.24.0, tokenizers
0.23.3. Another run writes the same bytes but for the last digits of embeddings.
"""
import json
import os

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import MPNetConfig, MPNetModel

here = os.path.dirname(os.path.abspath(__file__))
LONGEST = 98


def vocabulary():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    cyrillic = "абвгдежзиклмнопрстуфхцчшщъыьэюя"
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "[PAD]", "[UNK]"]
    pieces += list(letters) + ["##" + x for x in letters]
    pieces += list(cyrillic) + ["##" + x for x in cyrillic]
    pieces += list("!#$%&,-./:?@'") + ["—", "«", "»", "漢", "字", "🚀", "か", "ᄀ", "##ᅡ", "##ᆨ"]
    pieces += ["solar", "##ar", "sol", "balcony", "trend", "##s", "##ing", "тренд", "##ы", "рын", "##ок", "##ing##"]
    pieces.append("<mask>")
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


def tokenizer():
    vocab = vocabulary()
    t = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=20))
    t.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(
        single="<s>:0 $A:0 </s>:0", pair="<s>:0 $A:0 </s>:0 </s>:0 $B:1 </s>:1",
        special_tokens=[("<s>", vocab["<s>"]), ("</s>", vocab["</s>"])])
    for content, options in [
            ("<s>", {}), ("<pad>", {}), ("</s>", {}), ("<unk>", {"normalized": True}), ("[UNK]", {}),
            ("<mask>", {"lstrip": True})]:
        t.add_special_tokens([AddedToken(content, **({"normalized": False} | options))])
    return t


TEXTS = [
    "", " ", "\n\t\r", "a", "solar", "Solar balcony trends", "solaring", "SOLARS!", "Balcony-solar: 50% off?",
    "Тренды рынок", "ТРЕНД ёлка Йод", "é e\u0301 É ñ Å \u212b", "ｓｏｌａｒ", "İI\u0307", "ß ẞ", "漢字漢", "solar漢字trend",
    "🚀 trend🚀", "👩\u200d💻 solar", "가각 각", "がか", "а\u0306 й и\u0306", "\u0000a\u0001b\x7fc\ufffdd", "a\u200bb\u00adc\ufeffd",
    "a\u00a0b\u3000c\u2028d\u0085e", "<s>a</s>", "a<mask>b <mask> c", "<unk> <UNK> [UNK] [unk] <u\u0000nk>", "<pad><pad", "<<s>>", "x" * 20,
    "x" * 21, "solar" * 4, "solar" * 5, "a\u0301" * 20, "a" * 10 + "漢" + "b" * 21, "don't @user #tag $1,000.50 e/f", "«тренд» — рынок",
    "\u0301\u0301", "a \u0301b", "\U0001d165\U0001d16ea", "q\u0323\u0307 q\u0307\u0323", "\u1734a \U000111c9 ᙭", "trend " * 60, "漢" * 150, "s" * 5000, "a b c d e f g h i j " * 30,
    "\ue000private\U000f0000", "a\u0602b\u08e2c", "Ǆ ﬁ ½ Ⅷ",
]


def characters(t):
    """Runs of scalars of one class. R removed, S space, P punctuation, I ideograph, M stripped, L anything else."""
    plain = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    full = t.normalizer
    runs = []
    for value in range(0x110000):
        if 0xD800 <= value < 0xE000:
            continue
        char = chr(value)
        text = plain.normalize_str("a" + char + "b")
        if text == "ab":
            kind = "R"
        elif text == "a b":
            kind = "S"
        elif text == "a " + char + " b":
            kind = "I"
        elif full.normalize_str("a" + char + "b") == "ab":
            kind = "M"
        else:
            kind = "P" if len(t.pre_tokenizer.pre_tokenize_str(text)) == 3 else "L"
        if not runs or runs[-1][1] != kind:
            runs.append((value, kind))
    return runs


def main():
    t = tokenizer()
    os.makedirs(f"{here}/tiny", exist_ok=True)
    t.save(f"{here}/tiny/tokenizer.json")
    t.enable_truncation(LONGEST)
    tokens = [{"text": text, "ids": t.encode(text).ids} for text in TEXTS]
    write("tokens.json", tokens)

    torch.manual_seed(11)
    config = MPNetConfig(
        vocab_size=len(vocabulary()), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96,
        max_position_embeddings=LONGEST + 2, layer_norm_eps=1e-5, initializer_range=0.2)
    model = MPNetModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        # Fresh norms and biases change nothing, and a test wouldn't see them.
        for name, value in model.named_parameters():
            if "LayerNorm" in name or name.endswith("bias"):
                value += 0.3 * torch.randn_like(value)
            if "relative_attention_bias" in name:
                value *= 5
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, f"{here}/tiny/model.safetensors", {"format": "pt"})
        rows = []
        for case in tokens:
            ids = torch.tensor([case["ids"]])
            # Without them a `<pad>` in a text would have no position of its own.
            positions = torch.arange(2, 2 + ids.shape[1])[None]
            states = model(ids, position_ids=positions).last_hidden_state
            vector = torch.nn.functional.normalize(states.mean(1), dim=1)[0]
            rows.append({"text": case["text"], "vector": [round(x, 7) for x in vector.tolist()]})
    write("embeddings.json", rows)
    kept = ["model_type", "hidden_act", "layer_norm_eps", "hidden_size", "num_attention_heads", "num_hidden_layers",
            "intermediate_size", "max_position_embeddings", "relative_attention_num_buckets", "vocab_size", "pad_token_id"]
    with open(f"{here}/tiny/config.json", "w") as f:
        json.dump({key: config.to_dict()[key] for key in kept}, f, indent=1)
        f.write("\n")
    with open(f"{here}/characters.txt", "w") as f:
        for first, kind in characters(t):
            f.write(f"{first:x} {kind}\n")


def write(name, rows):
    with open(f"{here}/{name}", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
