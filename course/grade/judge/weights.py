"""A student's trained model, by its weights.

In: a model of the student's, and one of the same kind of the grader's own. Out: the grader's model with the student's
weights in it, to be asked on texts that no student has. What the student's side calls unchanged is taken from the
checkpoint, so a lie costs only the liar; nothing else of the model comes over, so there is nothing to believe.
"""

from course.grade.judge.remote import Remote
from course.grade.sandbox.process import arrays

PIECE = 8 << 20  # numbers of one tensor that come over at a time: 32 MiB
MAX_TENSORS = 5_000
OTHER = "The model is not of the kind that this exercise trains."


class OtherModel(AssertionError):
    """The student's model is not of the kind that the unit trains."""


def with_weights_of(model, like):
    """Return `like`, a torch model on the processor, with the weights of a student's `model` of the same kind.

    `model` may be an object of the student's process, or a model of this process. Raises `OtherModel` where it has
    other tensors than `like`.
    """
    own = like.state_dict()
    changed = _changed(model, own)
    for name in changed:
        own[name].copy_(_tensor(model, name, own[name]))
    return like.eval()


def has_body_of(model, like) -> bool:
    """Whether a student's `model` has the weights of `like`, but for the head, which is new in each of them."""
    own = like.state_dict()
    try:
        changed = _changed(model, own)
    except OtherModel:
        return False
    prefix = f"{like.base_model_prefix}."
    is_all_body = not any(name.startswith(prefix) for name in own)
    return not any(is_all_body or name.startswith(prefix) for name in changed)


def _changed(model, own: dict) -> list[str]:
    """The names of the tensors that differ. Raises `OtherModel`."""
    if type(model) is not Remote and not hasattr(model, "state_dict"):
        raise OtherModel(OTHER)
    theirs = model._ask("digests", model) if type(model) is Remote else _digests(model)
    expected = {name: list(tensor.shape) for name, tensor in own.items()}
    if type(theirs) is not dict or len(theirs) > MAX_TENSORS or {n: _shape(d) for n, d in theirs.items()} != expected:
        raise OtherModel(OTHER)
    return [name for name, tensor in own.items() if theirs[name][0] != arrays.digest(tensor)]


def _digests(model) -> dict:
    return {name: (arrays.digest(tensor.cpu()), list(tensor.shape)) for name, tensor in model.state_dict().items()}


def _shape(described) -> list[int] | None:
    match described:
        case (str(), [*sizes]) if all(type(size) is int for size in sizes):
            return sizes
    return None


def _tensor(model, name: str, like):
    """The student's tensor of this name, in the shape and type of `like`. Raises `OtherModel`."""
    import torch

    if type(model) is not Remote:
        return model.state_dict()[name].detach().to(like.device, like.dtype)
    total, pieces = like.numel(), []
    for start in range(0, total, PIECE):
        stop = min(start + PIECE, total)
        piece = model._ask("weights", model, name, start, stop)
        if type(piece) is not torch.Tensor or piece.dtype != like.dtype or tuple(piece.shape) != (stop - start,):
            raise OtherModel(OTHER)
        pieces.append(piece)
    return torch.cat(pieces).reshape(like.shape) if pieces else like
