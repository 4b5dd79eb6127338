"""Training in one place: `Trainer` with the course's settings, and the same loop made by hand.

In: a model, tokenized data, a profile. Out: a trained model and its metrics. Only the unit `emotion` writes
`TrainingArguments` of its own and takes single parts from here (`adapt`, `by_length`, `make_optimizer`).
"""

import math
import shutil
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from helpers import models
from helpers.profiles import Profile


def freeze(model, layers: int) -> None:
    """Keep the embeddings and the lowest `layers` layers as they are; 0 freezes nothing.

    They hold general knowledge of the language. On a small dataset the rest learns as well without touching them, and
    a step costs a third less on a processor. What is not trained has no dropout, either: random numbers for it take a
    fifth of a step. The word embeddings of a model whose config says so are never trained.
    """
    from torch.nn import Dropout

    if not getattr(model.config, "train_word_embeddings", True):
        model.get_input_embeddings().requires_grad_(False)
    if layers:
        for block in blocks(model)[: layers + 1]:
            block.requires_grad_(False)
            for module in block.modules():
                if isinstance(module, Dropout):
                    module.p = 0.0


def blocks(model) -> list:
    """Return the embeddings and the layers of a BERT or DistilBERT, the lowest first."""
    base = model.base_model
    encoder = base.transformer if hasattr(base, "transformer") else base.encoder
    return [base.embeddings, *encoder.layer]


def drop_no_attention(model) -> None:
    """Switch off the dropout of attention weights in a BERT or DistilBERT; other dropout stays."""
    for block in blocks(model)[1:]:
        for module in block.modules():
            if type(module).__name__.endswith("SelfAttention"):
                module.dropout.p = 0.0


def make_optimizer(profile: Profile, model):
    """Return AdamW over the parameters that are not frozen.

    Weight decay pulls matrices towards zero, but neither biases nor the scale of a LayerNorm. With a `layer_decay`
    below 1 the head learns at the profile's rate, the top layer at this part of it, the next at its
    square: the lower a layer, the more general what it knows (Howard and Ruder 2018, section 3.2).
    """
    from torch.optim import AdamW

    lowered = reversed(blocks(model)) if profile.layer_decay != 1 else []
    below_head = {parameter: n for n, block in enumerate(lowered, start=1) for parameter in block.parameters()}
    groups = defaultdict(list)
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[below_head.get(parameter, 0), parameter.ndim > 1].append(parameter)
    return AdamW(
        [
            {
                "params": parameters,
                "lr": profile.learning_rate * profile.layer_decay**depth,
                "weight_decay": profile.weight_decay if matrices else 0.0,
            }
            for (depth, matrices), parameters in sorted(groups.items(), key=lambda group: group[0])
        ],
        lr=profile.learning_rate,
        fused=True,  # six times as fast on a processor as one tensor after the other
    )


def smooth_labels(model, share: float) -> None:
    """Let the model compute its loss against smoothed labels, as Trainer does; 0 changes nothing."""
    from transformers.trainer_pt_utils import LabelSmoother

    smoother = LabelSmoother(epsilon=share)

    def replace_loss(module, arguments, inputs, outputs):
        if "labels" in inputs:
            outputs.loss = smoother(outputs, inputs["labels"])

    if share:
        model.register_forward_hook(replace_loss, with_kwargs=True)


def shuffled_groups(lengths: list[int], batch_size: int) -> list[int]:
    """Return all row numbers so that each batch holds rows of like length, and the batches come in random order.

    Trainer's own grouping takes long rows first and short ones last, over and over: where length goes with the
    class, the classes alternate, too. torch's generator draws.
    """
    import torch

    order = torch.randperm(len(lengths)).tolist()
    size = 10 * batch_size
    groups = [sorted(order[i : i + size], key=lengths.__getitem__) for i in range(0, len(order), size)]
    batches = [group[i : i + batch_size] for group in groups for i in range(0, len(group), batch_size)]
    *whole, last = batches  # the only one that may be smaller, so it stays where it is
    return [row for i in torch.randperm(len(whole)).tolist() for row in whole[i]] + last


def by_length(rows, batch_size: int):
    """The same rows of a tokenized `Dataset` in another order: `shuffled_groups` of them, for batches that are drawn
    one after the other.
    """
    return rows.select(shuffled_groups([len(ids) for ids in rows["input_ids"]], batch_size))


def adapt(model, profile: Profile) -> None:
    """Freeze as many layers of a model, and switch off as much of its dropout, as the profile says."""
    freeze(model, profile.frozen_layers)
    if not profile.attention_dropout:
        drop_no_attention(model)


def make_trainer(
    profile: Profile,
    model,
    tokenizer,
    *,
    train_dataset,
    data_collator,
    eval_dataset=None,
    compute_metrics: Callable | None = None,
    shuffle: bool = True,
):
    """Return a `Trainer` that has not run yet; `trainer.train()` runs it.

    It evaluates after every epoch, groups sentences of like length (padding is wasted work), reports to no
    service and saves nothing unless asked. With `shuffle=False` the data come in their own order. An
    encoder-decoder such as T5 gets a `Seq2SeqTrainer`, which evaluates by what the model generates: its predictions
    are token ids, not logits.
    """
    from torch.utils.data import Sampler, SequentialSampler
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, Trainer, TrainingArguments, set_seed
    from transformers.utils import is_in_notebook

    if model.config.is_encoder_decoder:
        parent, make_arguments = Seq2SeqTrainer, partial(Seq2SeqTrainingArguments, predict_with_generate=True)
    else:
        parent, make_arguments = Trainer, TrainingArguments

    class OrderedTrainer(parent):
        """Predicts in the order of the data.

        Grouping by length is meant for training, but Trainer applies it to evaluation as well; predictions
        then belong to other sentences than their row says.
        """

        def _get_eval_sampler(self, eval_dataset):
            return SequentialSampler(eval_dataset)

        def _get_train_sampler(self, train_dataset=None):
            if not shuffle or profile.sampling != "shuffled_groups":
                return super()._get_train_sampler(train_dataset)
            return ShuffledGroups(self.train_dataset)

    class ShuffledGroups(Sampler):
        """Draws anew in every epoch."""

        def __init__(self, rows):
            self.lengths = [len(ids) for ids in rows["input_ids"]]

        def __len__(self):
            return len(self.lengths)

        def __iter__(self):
            return iter(shuffled_groups(self.lengths, profile.batch_size))

    set_seed(profile.seed)
    adapt(model, profile)
    folder = tempfile.mkdtemp(prefix="course-")
    steps = profile.epochs * math.ceil(len(train_dataset) / profile.batch_size)
    arguments = make_arguments(
        output_dir=folder,
        num_train_epochs=profile.epochs,
        max_steps=profile.max_steps if 0 < profile.max_steps < steps else -1,  # it would lengthen a training, too
        per_device_train_batch_size=profile.batch_size,
        per_device_eval_batch_size=4 * profile.batch_size,
        learning_rate=profile.learning_rate,
        lr_scheduler_type=profile.schedule,
        warmup_steps=profile.warmup,
        weight_decay=profile.weight_decay,
        label_smoothing_factor=profile.label_smoothing,
        train_sampling_strategy="group_by_length" if shuffle else "sequential",
        eval_strategy="epoch" if eval_dataset is not None and not profile.max_steps else "no",
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=not is_in_notebook(),  # the live table of epochs, even though the libraries are quiet
        seed=profile.seed,
        bf16=models.precision() == "bf16",
        dataloader_pin_memory=models.device() == "cuda",
    )
    trainer = OrderedTrainer(
        model=model,
        args=arguments,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        data_collator=data_collator,
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
        optimizers=(make_optimizer(profile, model), None),
    )
    weakref.finalize(trainer, shutil.rmtree, folder, ignore_errors=True)
    return trainer


def prepare(profile: Profile, model, *, train_dataset, eval_dataset, data_collator, shuffle: bool = True):
    """Return `(accelerator, model, optimizer, scheduler, train_loader, eval_loader)`, ready for a loop.

    Accelerate moves the model and every batch to the device and splits the batches among processes, so the
    number of steps is counted after `accelerator.prepare`.
    """
    from accelerate import Accelerator
    from accelerate.utils import set_seed
    from torch.utils.data import DataLoader
    from transformers import get_scheduler

    set_seed(profile.seed)
    adapt(model, profile)
    smooth_labels(model, profile.label_smoothing)
    accelerator = Accelerator(mixed_precision="bf16" if models.precision() == "bf16" else "no")
    size = profile.batch_size
    model, optimizer, train_loader, eval_loader = accelerator.prepare(
        model,
        make_optimizer(profile, model),
        DataLoader(train_dataset, batch_size=size, shuffle=shuffle, collate_fn=data_collator),
        DataLoader(eval_dataset, batch_size=4 * size, collate_fn=data_collator),
    )
    steps = profile.epochs * len(train_loader)
    scheduler = get_scheduler(profile.schedule, optimizer, math.ceil(profile.warmup * steps), steps)
    return accelerator, model, optimizer, scheduler, train_loader, eval_loader


def train_epoch(accelerator, model, optimizer, scheduler, train_loader):
    """One pass over the training data; returns the mean loss of its batches."""
    model.train()
    total = 0.0
    for batch in train_loader:
        loss = model(**batch).loss
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        total += loss.item()
    return total / len(train_loader)


def evaluate_epoch(accelerator, model, eval_loader, compute_metrics):
    """Metrics over all evaluation data, every example counted once however many processes there are.

    Each process pads its batches to its own longest sentence, so before they are gathered all are padded to one
    width. What stands in padded logits does not matter: their labels are -100.
    """
    import torch
    from transformers.trainer_pt_utils import nested_concat, nested_numpify

    model.eval()
    collected = None
    for batch in eval_loader:
        with torch.no_grad():
            logits = model(**batch).logits
        padded = accelerator.pad_across_processes((logits, batch["labels"]), dim=1, pad_index=-100)
        gathered = accelerator.gather_for_metrics(padded)
        collected = gathered if collected is None else nested_concat(collected, gathered, padding_index=-100)
    return compute_metrics(nested_numpify(collected))
