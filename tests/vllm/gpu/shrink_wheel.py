#!/usr/bin/env python3
"""Make vLLM's CUDA wheel small enough to carry to a machine without a network.

  python shrink_wheel.py WHEEL OUT.tar.xz [--arch 90]

Left out: FlashAttention 2, the Rust front end, tuning files of mixtures of experts, and the machine code of every GPU generation but one. Libraries
keep their size and layout: code of other generations is overwritten with zeros, which compress to nothing and are never loaded.
The archive is unpacked into a directory on PYTHONPATH. Good for benchmarks of dense models on that one GPU generation, and for nothing else.
"""
import argparse
import io
import re
import struct
import tarfile
import zipfile

LEFT_OUT = re.compile(
    r"(_vllm_fa2_C|_flashmla|_moe_C).*\.so$|^vllm/vllm-rs$|fused_moe/configs/|\.pyi$|^vllm/third_party/(deep_gemm|flashmla|triton_kernels)/|/benchmarks/"
)
CONTAINER = struct.Struct("<IHHQ")  # magic, version, header size, size of the entries
ENTRY = struct.Struct("<HHIQIIHHI")  # kind, version, header size, payload size, compressed size, ?, minor, major, architecture
MAGIC = 0xBA55ED50
PTX = 1


def sections(library: bytes):
    """Name -> (offset, size) of a 64-bit little-endian ELF file."""
    assert library[:5] == b"\x7fELF\x02", "expected a 64-bit ELF file"
    table = struct.unpack_from("<Q", library, 0x28)[0]
    each, count, names = struct.unpack_from("<HHH", library, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", library, table + n * each) for n in range(count)]
    strings = heads[names][4]
    name = lambda at: library[strings + at : library.index(b"\0", strings + at)].decode()
    return {name(head[0]): (head[4], head[5]) for head in heads}


def without_other_architectures(library: bytes, arch: int) -> tuple[bytes, dict[str, int]]:
    """Also says how many bytes of code there were by architecture."""
    out = bytearray(library)
    found: dict[str, int] = {}
    offset, size = sections(library).get(".nv_fatbin", (0, 0))
    at, end = offset, offset + size
    while at + CONTAINER.size <= end:
        magic, _, head, length = CONTAINER.unpack_from(library, at)
        if magic != MAGIC:
            at += 8  # alignment
            continue
        entry, stop = at + head, at + head + length
        while entry + ENTRY.size <= stop:
            kind, _, entry_head, payload, *_, generation = ENTRY.unpack_from(library, entry)
            name = f"{'ptx' if kind == PTX else 'sm'}_{generation}"
            found[name] = found.get(name, 0) + payload
            if arch != 0 and (kind == PTX or generation != arch):
                out[entry + entry_head : entry + entry_head + payload] = bytes(payload)
            entry += entry_head + payload
        assert entry == stop, "the code's table of contents is not as expected"
        at = stop
    return bytes(out), found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel")
    parser.add_argument("out")
    parser.add_argument("--arch", type=int, default=90, help="90 is Hopper, such as the H100; 0 keeps all")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel, tarfile.open(options.out, "w:xz", preset=6) as archive:
        for info in wheel.infolist():
            if info.is_dir() or LEFT_OUT.search(info.filename):
                continue
            data = wheel.read(info)
            if info.filename.endswith(".so"):
                data, found = without_other_architectures(data, options.arch)
                print(info.filename, ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sorted(found.items())) or "no GPU code")
            member = tarfile.TarInfo(info.filename)
            member.size = len(data)
            member.mode = 0o755 if info.external_attr >> 16 & 0o111 else 0o644
            archive.addfile(member, io.BytesIO(data))


main()
