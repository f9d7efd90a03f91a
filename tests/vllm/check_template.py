"""Renders our chat templates as vLLM does (jinja2, as transformers sets it up) and holds them to what a turn must look like."""

import json
import sys
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
environment.filters["tojson"] = json.dumps
template = environment.from_string(Path(sys.argv[1]).read_text())

said = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "And?"},
]
base = "<|BOT|>system\nBe brief.<|EOT|><|BOT|>human\nHi<|EOT|><|BOT|>assistant\nHello<|EOT|><|BOT|>human\nAnd?<|EOT|>"
cases = [
    (said, {}, base),
    (said, {"add_generation_prompt": True}, base + "<|BOT|>assistant\n<think>\n"),
    (
        said[:2],
        {"tools": [{"type": "function"}]},
        '<|BOT|>system\nBe brief.<|EOT|><|BOT|>tool_json_schemas\n[{"type": "function"}]<|EOT|><|BOT|>human\nHi<|EOT|>',
    ),
    ([{"role": "tool", "content": "ok"}], {}, "<|BOT|>input\nok<|EOT|>"),
]
for messages, more, expected in cases:
    rendered = template.render(messages=messages, **more)
    if rendered != expected:
        sys.exit(f"expected {expected!r}\ngot      {rendered!r}")
# A longer conversation begins with the shorter one's text: otherwise the prefix cache would be of no use.
for end in range(1, len(said)):
    if not template.render(messages=said).startswith(template.render(messages=said[:end])):
        sys.exit(f"the text of {end} messages is no prefix of the whole")
print(f"{sys.argv[1]}: {len(cases)} renderings as expected, prefixes stable")
