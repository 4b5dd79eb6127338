"""Training in one place: `Trainer` with the course's settings, and the same loop made by hand.

In: a model, tokenized data, a profile. Out: a trained model and its metrics. No lesson writes
`TrainingArguments` of its own, so a renamed argument is mended here, once.
"""

import math
import tempfile
from collections.abc import Callable

from helpers import models
from helpers.profiles import Profile


def freeze(model, layers: int) -> None:
    """Keep the embeddings and the lowest `layers` layers as they are; 0 freezes nothing.

    They hold general knowledge of the language. On a small dataset the rest learns as well without touching them, and
    a step costs a third less on a processor.
    """
    if layers:
        model.base_model.embeddings.requires_grad_(False)
        for layer in model.base_model.encoder.layer[:layers]:
            layer.requires_grad_(False)


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
    service and saves nothing unless asked. With `shuffle=False` the data come in their own order.
    """
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainingArguments, set_seed

    class OrderedTrainer(Trainer):
        """Predicts in the order of the data.

        Grouping by length is meant for training, but Trainer applies it to evaluation as well; predictions
        then belong to other sentences than their row says.
        """

        def _get_eval_sampler(self, eval_dataset):
            return SequentialSampler(eval_dataset)

    set_seed(profile.seed)
    freeze(model, profile.frozen_layers)
    steps = profile.epochs * math.ceil(len(train_dataset) / profile.batch_size)
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(prefix="course-"),
        num_train_epochs=profile.epochs,
        max_steps=profile.max_steps if 0 < profile.max_steps < steps else -1,  # it would lengthen a training, too
        per_device_train_batch_size=profile.batch_size,
        per_device_eval_batch_size=4 * profile.batch_size,
        learning_rate=profile.learning_rate,
        warmup_steps=profile.warmup,
        weight_decay=profile.weight_decay,
        train_sampling_strategy="group_by_length" if shuffle else "sequential",
        eval_strategy="epoch" if eval_dataset is not None else "no",
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=False,  # the live table of epochs, even though the libraries are quiet
        seed=profile.seed,
        bf16=models.precision() == "bf16",
        dataloader_pin_memory=models.device() == "cuda",
    )
    return OrderedTrainer(
        model=model,
        args=arguments,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        data_collator=data_collator,
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
    )


def prepare(profile: Profile, model, *, train_dataset, eval_dataset, data_collator, shuffle: bool = True):
    """Return `(accelerator, model, optimizer, scheduler, train_loader, eval_loader)`, ready for a loop.

    Accelerate moves the model and every batch to the device and splits the batches among processes, so the
    number of steps is counted after `accelerator.prepare`.
    """
    from accelerate import Accelerator
    from accelerate.utils import set_seed
    from torch.optim import AdamW
    from torch.utils.data import DataLoader
    from transformers import get_linear_schedule_with_warmup

    set_seed(profile.seed)
    freeze(model, profile.frozen_layers)
    accelerator = Accelerator(mixed_precision="bf16" if models.precision() == "bf16" else "no")
    size = profile.batch_size
    # As in Trainer: weight decay pulls matrices towards zero, but neither biases nor the scale of a LayerNorm.
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": profile.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    model, optimizer, train_loader, eval_loader = accelerator.prepare(
        model,
        AdamW(groups, lr=profile.learning_rate),
        DataLoader(train_dataset, batch_size=size, shuffle=shuffle, collate_fn=data_collator),
        DataLoader(eval_dataset, batch_size=4 * size, collate_fn=data_collator),
    )
    steps = profile.epochs * len(train_loader)
    scheduler = get_linear_schedule_with_warmup(optimizer, math.ceil(profile.warmup * steps), steps)
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
