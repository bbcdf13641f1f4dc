#!/usr/bin/env python3
"""Makes the HDF5 files of the reader's tests, with h5py: one of each form of the format that is read, and refused ones."""

from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
TRAIN = np.arange(12, dtype="f4").reshape(4, 3) + 1


def write(name, libver, **options):
    with h5py.File(HERE / f"{name}.hdf5", "w", libver=libver) as file:
        file.create_dataset("train", data=TRAIN, **options)
        file["test"] = TRAIN[:2].astype("f2")
        file["neighbors"] = np.array([[0, 1], [1, 2]], "i4")
        file["distances"] = np.zeros((2, 2), "f4")


write("oldest", "earliest")
write("newest", "latest")
write("chunked", "earliest", chunks=(2, 3))
write("compressed", "latest", chunks=(2, 3), compression="gzip")
with h5py.File(HERE / "crowded.hdf5", "w", libver="latest") as many:
    for number in range(20):
        many[f"set{number}"] = TRAIN
with h5py.File(HERE / "integers.hdf5", "w", libver="earliest") as big:
    big["train"] = TRAIN.astype(">f4")
    big["test"] = TRAIN.astype("f8")
    big["ids"] = np.array([7, 8, 9], "i8")
    big["shape"] = np.zeros((1, 2, 3), "f4")
