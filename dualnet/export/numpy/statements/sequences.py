"""Recurrent layers and attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...program import Call
from ..constants import RESULT
from .rules import keywords, rule

if TYPE_CHECKING:
    from ..writer import Writer


def _loop_options(w: Writer, call: Call) -> str:
    a = call.arguments
    return keywords(
        mask=(w.source(a.get("mask"), call), a.get("mask") is None),
        go_backwards=("True", not a.get("go_backwards")),
        zero_output=("True", not a.get("zero_output_for_mask")),
    )


@rule("lstm", "gru", "simple_rnn")
def _recurrent(w: Writer, call: Call) -> list[str]:
    a, name = call.arguments, call.op
    if a.get("recurrent_mask") is not None:
        w.refuse(call, "a mask of the recurrent dropout")
    bias = a.get("bias")
    text, extra = "0" if bias is None else w.source(bias, call), ""
    if name == "gru":
        if a.get("reset_after", True) is False:
            name = "gru_of_the_paper"
        elif bias is not None and len(w.shapes(bias)[0]) == 2:
            text, extra = f"{text}[0]", f", recurrent_bias={text}[1]"
    if name == "simple_rnn" and (activation := a.get("activation", "tanh")) != "tanh":
        extra = f", activation={'lambda x: x' if activation == 'linear' else activation}"
    states = [w.source(a[n], call) for n in ("h", "c") if a.get(n) is not None]
    if states:
        extra += f", initial_state={states[0] if len(states) == 1 else '(' + ', '.join(states) + ')'}"
    weights = [w.arg(call, n) for n in ("kernel", "recurrent_kernel")]
    result = f"{name}({', '.join([w.arg(call, 'x'), *weights, *([] if text == '0' else [text])])}{extra}{_loop_options(w, call)})"
    if not a.get("return_sequences", True):
        w.only_last_step(call)
    return [result]


@rule("run_steps")
def _run_steps(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    step = w.function("step", call)
    first = keywords(first_output=(str(a["first_output"]), a["mask"] is None or a["first_output"] is None))
    states = f"[{', '.join(w.source(s, call) for s in a['states'])}]"
    if not a["return_sequences"]:
        w.only_last_step(call)
    return [f"run_steps({step}, {w.arg(call, 'sequences')}, {states}{first}{_loop_options(w, call)})"]


@rule("attention")
def _attention(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    query, key, value = (w.arg(call, n) for n in ("query", "key", "value"))
    masks = []
    if a.get("mask") is not None:
        masks.append(w.arg(call, "mask"))
    if a.get("query_mask") is not None:
        masks.append(f"{w.arg(call, 'query_mask')}[:, None, :, None]")
    if a.get("key_mask") is not None:
        masks.append(f"{w.arg(call, 'key_mask')}[:, None, None, :]")
    if a.get("is_causal") or a.get("window") is not None:
        options = keywords(
            is_causal=("True", not a.get("is_causal")),
            window=(w.source(a.get("window"), call), a.get("window") is None),
            offset=(w.source(a.get("offset", 0), call), a.get("offset", 0) == 0),
        )
        masks.append(f"band({query}.shape[1], {key}.shape[1]{options})")
    mask = " & ".join(masks)
    scale = a.get("scale")
    scale = f"1 / np.sqrt({query}.shape[-1])" if scale is None else w.source(scale, call)
    options = keywords(
        mask=(mask, not masks),
        bias=(w.source(a.get("bias"), call), a.get("bias") is None),
        soft_cap=(w.source(a.get("soft_cap"), call), a.get("soft_cap") is None),
    )
    lines = [f"attention({query}, {key}, {value}, {scale}{options})"]
    if a.get("blind", "mean") == "zero" and masks:
        lines.append(f"np.where(sees_nothing({mask}), 0, {RESULT})")
    return lines
