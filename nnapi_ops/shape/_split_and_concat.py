"""Parts of tensors: split in equal pieces, put together again, cropped."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from nnapi_core.plugin import ChannelQuant, Constant, Context, Order, Unsupported, Value, ops


def crop(nn: Context, value: Value, dim: int, start: int, count: int, step: int = 1) -> Value:
    """``count`` elements along ``dim`` from ``start`` on, every ``step``-th."""
    size = value.shape[dim]
    if start == 0 and step == 1 and size == count:
        return value
    shape = (*value.shape[:dim], count, *value.shape[dim + 1 :])
    if isinstance(value.source, Constant):
        kept = value.source.crop(dim, start, count, step)
        quant = value.quant
        if isinstance(quant, ChannelQuant) and quant.dim == dim:
            quant = evolve(quant, scales=quant.scales[start : start + count * step : step])
        return Value(evolve(value.spec, shape=kept.shape, quant=quant), kept)
    axis = value.axis(dim).index
    spec = evolve(value.spec, shape=shape)
    begin = [0] * value.rank
    begin[axis] = start
    if step == 1 and nn.level >= 29:
        sizes = [-1] * value.rank
        sizes[axis] = count
        return nn.emit(ops.SLICE, input=value, begin=begin, size=sizes, out=spec)
    end = [0] * value.rank
    end[axis] = start + (count - 1) * step + 1
    strides = [1] * value.rank
    strides[axis] = step
    whole = ((1 << value.rank) - 1) & ~(1 << axis)
    return nn.emit(
        ops.STRIDED_SLICE,
        input=value,
        begin=begin,
        end=end,
        strides=strides,
        begin_mask=whole,
        end_mask=whole,
        shrink_axis_mask=0,
        out=spec,
    )


def split(nn: Context, value: Value, dim: int, count: int) -> list[Value]:
    """``count`` equal parts along ``dim``."""
    size = value.shape[dim]
    if not isinstance(size, int):
        raise Unsupported("cannot split a free dimension", dimension=size)
    each = size // count
    if count == 1:
        return [value]
    if value.is_constant or nn.level < 29:
        return [crop(nn, value, dim, index * each, each) for index in range(count)]
    shape = (*value.shape[:dim], each, *value.shape[dim + 1 :])
    outs = [evolve(value.spec, shape=shape)] * count
    return list(
        nn.emit_many(ops.SPLIT, outs=outs, input=value, axis=value.axis(dim), num_splits=count)
    )


def join(nn: Context, values: Sequence[Value], dim: int) -> Value:
    """Concatenation along ``dim`` of tensors that all lie in one order."""
    if len(values) == 1:
        return values[0]
    first = values[0]
    sizes = [one.shape[dim] for one in values]
    total = sum(size for size in sizes if isinstance(size, int))
    shape = (*first.shape[:dim], total, *first.shape[dim + 1 :])
    order = first.order if len(shape) == 4 else Order.TORCH
    return nn.emit(
        ops.CONCATENATION,
        input=list(values),
        axis=first.axis(dim),
        out=evolve(first.spec, shape=shape, order=order),
    )
