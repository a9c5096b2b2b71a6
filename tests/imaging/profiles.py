"""ICC profiles made here, from the primaries of known color spaces."""

import struct

import numpy as np

# Columns are the primaries in XYZ, adapted to D50 (Lindbloom).
SRGB = np.array([[0.43607, 0.38506, 0.14308], [0.22250, 0.71688, 0.06062], [0.01393, 0.09710, 0.71417]])
ADOBE = np.array([[0.60976, 0.20524, 0.14922], [0.31112, 0.62566, 0.06322], [0.01948, 0.06089, 0.74484]])
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
D50 = np.array([0.9642, 1.0, 0.8249])


def xyz_tag(values):
    return b"XYZ \0\0\0\0" + np.round(np.asarray(values) * 65536).astype(">i4").tobytes()


def gamma_tag(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def icc_profile(space, tags):
    """An ICC version 2 display profile: header, tag table, tag data."""
    tags = {
        **tags,
        b"wtpt": xyz_tag(D50),
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79),
    }
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s24x", start + len(body), 0x02100000, b"mntr", space, b"XYZ ", b"acsp"
    )
    header += (D50 * 65536).astype(">i4").tobytes()
    return header.ljust(128, b"\0") + table + body


def rgb_profile(matrix, gamma):
    primaries = {
        name: xyz_tag(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)
    }
    return icc_profile(b"RGB ", primaries | {name: gamma_tag(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")})


def gray_profile(gamma):
    return icc_profile(b"GRAY", {b"kTRC": gamma_tag(gamma)})
