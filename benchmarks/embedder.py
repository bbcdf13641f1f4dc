#!/usr/bin/env python3
"""Compares the local embedder with PyTorch and ONNX Runtime: the vectors of 1,000 varied texts, and the speed.

usage: embedder.py [--model FOLDER] [--trendex FILE] [--varied 1000] [--trends 400] [--rounds 3] [--threads 2] [--out FILE.md]

All three compute in float32 on the same number of threads and take turns, round by round; of each the best round counts. The peers
sort texts by length and pad them within batches of 16 (--batch). Times are from the texts to the vectors, tokenization included and
loading not. On a machine that does other work, seconds of the processors say more than those of the clock; threads of the peers that
wait for each other spin, and their spinning counts.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default="models/all-mpnet-base-v2")
parser.add_argument("--trendex", default=".build/release/trendex")
parser.add_argument("--varied", type=int, default=1_000)
parser.add_argument("--trends", type=int, default=400)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", type=int, default=16, help="texts of a peer's batch")
parser.add_argument("--out", default="benchmarks/results/embedder.md")
options = parser.parse_args()
# Both read it when they are loaded.
os.environ["OMP_NUM_THREADS"] = str(options.threads)

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import MPNetConfig, MPNetModel  # noqa: E402

import embedder_texts  # noqa: E402

LONGEST = 384
WIDTH = 768


def run_trendex(texts):
    """The vectors, and the seconds that embedding took: on the clock, and of all processors."""
    command = [options.trendex, "embed", "--model", options.model, "--raw", "--timing", "--batch", "65536",
               "--threads", str(options.threads)]
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=True)
    found = re.search(r"texts in ([0-9.]+) seconds, ([0-9.]+) seconds of", done.stderr.decode())
    return np.frombuffer(done.stdout, "<f4").reshape(-1, WIDTH), (float(found.group(1)), float(found.group(2)))


class Pooled(torch.nn.Module):
    """The encoder, the mean over the tokens of each text, and the length of 1."""

    def __init__(self):
        super().__init__()
        with open(f"{options.model}/config.json") as f:
            self.encoder = MPNetModel(MPNetConfig(**json.load(f)), add_pooling_layer=False)
        weights = {k.removeprefix("mpnet."): v for k, v in load_file(f"{options.model}/model.safetensors").items()}
        missing, _ = self.encoder.load_state_dict(weights, strict=False)
        assert not [name for name in missing if "position_ids" not in name], missing
        self.eval()

    def forward(self, ids, mask):
        # Without them a `<pad>` in a text would have no position of its own.
        positions = torch.arange(2, 2 + ids.shape[1]).unsqueeze(0)
        states = self.encoder(input_ids=ids, attention_mask=mask, position_ids=positions).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weights).sum(1) / weights.sum(1)
        return torch.nn.functional.normalize(mean, dim=1)


class Peer:
    def __init__(self, compute):
        self.compute = compute
        self.tokenizer = Tokenizer.from_file(f"{options.model}/tokenizer.json")
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)

    def run(self, texts):
        start, start_of_process = time.perf_counter(), time.process_time()
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        out = np.empty((len(texts), WIDTH), np.float32)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for first in range(0, len(order), options.batch):
            rows = order[first:first + options.batch]
            longest = max(len(ids[i]) for i in rows)
            batch = np.ones((len(rows), longest), np.int64)
            mask = np.zeros((len(rows), longest), np.int64)
            for row, i in enumerate(rows):
                batch[row, :len(ids[i])] = ids[i]
                mask[row, :len(ids[i])] = 1
            out[rows] = self.compute(batch, mask)
        return out, (time.perf_counter() - start, time.process_time() - start_of_process)


def make_peers():
    torch.set_num_threads(options.threads)
    model = Pooled()

    def by_torch(batch, mask):
        with torch.inference_mode():
            return model(torch.from_numpy(batch), torch.from_numpy(mask)).numpy()

    with tempfile.TemporaryDirectory() as folder:
        example = (torch.ones((2, 9), dtype=torch.int64), torch.ones((2, 9), dtype=torch.int64))
        axes = {0: "texts", 1: "tokens"}
        torch.onnx.export(
            model, example, f"{folder}/model.onnx", input_names=["ids", "mask"], output_names=["vectors"],
            dynamic_axes={"ids": axes, "mask": axes}, opset_version=17, dynamo=False)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        session = onnxruntime.InferenceSession(f"{folder}/model.onnx", settings, providers=["CPUExecutionProvider"])

    def by_onnx(batch, mask):
        return session.run(None, {"ids": batch, "mask": mask})[0]

    return {"PyTorch": Peer(by_torch), "ONNX Runtime": Peer(by_onnx)}


def cpu():
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names)} cores"


def main():
    peers = make_peers()
    varied = embedder_texts.varied(options.varied)
    ours, _ = run_trendex(varied)
    reference, _ = peers["PyTorch"].run(varied)
    cosines = (ours.astype(np.float64) * reference).sum(1)
    cosines /= np.linalg.norm(ours.astype(np.float64), axis=1) * np.linalg.norm(reference.astype(np.float64), axis=1)
    farthest = np.abs(ours - reference).max()
    print(f"{len(varied)} texts: cosine at least 1 - {1 - cosines.min():.1e}, components at most {farthest:.1e} apart", flush=True)

    trends = embedder_texts.trends(options.trends)
    tokens = sum(len(e.ids) for e in peers["PyTorch"].tokenizer.encode_batch(trends))
    runs = {"Trendex": run_trendex} | {name: peer.run for name, peer in peers.items()}
    for run in runs.values():
        run(trends[:32])
    best = {name: (float("inf"), float("inf")) for name in runs}
    for number in range(options.rounds):
        for name, run in runs.items():
            times = run(trends)[1]
            best[name] = tuple(map(min, best[name], times))
            print(f"round {number + 1}, {name}: {len(trends) / times[0]:.1f} texts/s, {times[1]:.1f} s of processors", flush=True)

    identity = subprocess.run(
        [options.trendex, "embed", "--model", options.model, "--identity"], capture_output=True, check=True, text=True)
    lines = [
        "# The local embedder beside PyTorch and ONNX Runtime", "",
        f"`{identity.stdout.strip()}`, float32, {options.threads} threads on {cpu()}; torch {torch.__version__.split('+')[0]}, "
        f"onnxruntime {onnxruntime.__version__}. Made by `make bench-embedder`.", "",
        f"Vectors of {len(varied)} varied texts (languages, emoji, control characters, empty, 10,000 words): cosine with PyTorch's at "
        f"least 1 − {1 - cosines.min():.0e}; no component farther away than {farthest:.1e}.", "",
        f"Speed with {len(trends)} texts of {tokens / len(trends):.0f} tokens in the mean, best of {options.rounds} rounds in turn:", "",
        "| | texts a second | tokens a second | Trendex is | texts a second of processor time |", "|---|---:|---:|---:|---:|",
    ]
    for name, (seconds, processor) in best.items():
        ratio = "" if name == "Trendex" else f"{seconds / best['Trendex'][0]:.2f} × as fast"
        lines.append(
            f"| {name} | {len(trends) / seconds:.1f} | {tokens / seconds:,.0f} | {ratio} | {len(trends) / processor:.1f} |")
    lines += ["", f"Load of the machine at the end, this program included: {os.getloadavg()[0]:.1f}."]
    with open(options.out, "w") as f:
        f.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    if cosines.min() < 1 - 1e-4:
        sys.exit("embedder: the vectors differ from PyTorch's")


if __name__ == "__main__":
    main()
