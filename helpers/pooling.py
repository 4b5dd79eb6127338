"""Models that read a text by the mean of its tokens' vectors: what `multilingual-e5-small` was trained for.

In: a folder whose config has the model type `bert-mean-pooling`; `models.fetch` gives one, `save_pretrained` writes
one. Out: by this module's import, transformers' Auto classes load it, and no code comes from anywhere else.

The stock classification head asks `[CLS]` through a layer of its own, the pooler, which is random where a checkpoint
has none. The mean needs no such layer: with little data that is 4 to 5 points of accuracy (MASSIVE, 712 rows).

What a text is about stands in the last layer, for that is what the encoder was trained to compare; its tone stands
further below. So a class of a text is read from both (logistic regression on the means of the layers 8, 12, and both,
cross-validated on the course's own texts in Spanish: accuracy of intents 0.60, 0.65, 0.67; of emotions 0.60, 0.53,
0.58; ROC AUC of reviews 0.75, 0.69, 0.76).
"""

import copy

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertModel,
    BertPreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput, TokenClassifierOutput

from helpers import frozen


@strict
class MeanPoolingConfig(BertConfig):
    """A BERT whose texts are read by the mean.

    `train_word_embeddings` is off: there are several times as many of them as of all other weights, a small dataset
    shows few of them, and words that it lacks would stay behind. `helpers.training` reads it. A class of a text is
    read from the layers `text_layers`, that of a token from `token_layers`; a number above that of the last layer
    stands for the last.
    """

    model_type = "bert-mean-pooling"

    train_word_embeddings: bool = False
    text_layers: tuple[int, ...] | list[int] = (8, 12)
    token_layers: tuple[int, ...] | list[int] = (8,)


class MeanPoolingEncoder(BertModel):
    """The body alone: `last_hidden_state`."""

    config_class = MeanPoolingConfig

    def __init__(self, config, add_pooling_layer=False):
        super().__init__(config, add_pooling_layer=add_pooling_layer)


class Standardize(nn.BatchNorm1d):
    """Shift and scale every feature of `rows [n, size]` to mean 0 and variance 1, as they were in the last batches.

    The vectors of this encoder all point nearly the same way: any two texts have a cosine above 0.7. A linear layer
    would need hundreds of steps to find the small differences; of standardized ones it learns at once. A batch of
    one text has no variance, and takes what the batches before it had.
    """

    def __init__(self, size):
        super().__init__(size, affine=False)

    def forward(self, rows):
        if self.training and len(rows) == 1:
            return nn.functional.batch_norm(rows, self.running_mean, self.running_var, eps=self.eps)
        self.momentum = max(0.1, 1 / (1 + self.num_batches_tracked.item()))  # no first guess stays in the mean
        return super().forward(rows)


class _Head(BertPreTrainedModel):
    """The body as far as the last layer that is read, and one linear layer on what is read there, standardized.

    A subclass says which layers it reads, and makes of their hidden states, side by side, the vectors that get a class.
    """

    config_class = MeanPoolingConfig
    output_class = None

    def __init__(self, config, layers):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.layers = sorted({min(layer, config.num_hidden_layers) for layer in layers})
        body = copy.deepcopy(config)
        body.num_hidden_layers = self.layers[-1]
        self.bert = MeanPoolingEncoder(body)
        dropout = config.classifier_dropout
        features = len(self.layers) * config.hidden_size
        self.standardize = Standardize(features)
        self.dropout = nn.Dropout(config.hidden_dropout_prob if dropout is None else dropout)
        self.classifier = nn.Linear(features, config.num_labels)
        self.memory = frozen.Memory()
        self.post_init()

    def vectors(self, hidden, attention_mask):
        """The standardized vectors that get a class each, of `hidden [n, length, features]`."""
        raise NotImplementedError

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        position_ids=None,
        inputs_embeds=None,
        labels=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
    ):
        """Return `logits [..., k]`, and with `labels [...]` the cross-entropy as `loss`; -100 is left out.

        What frozen layers say of a text is computed once, from the first step of a training on, unless more is asked
        for than the logits.
        """
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        more = (position_ids is not None, inputs_embeds is not None, output_attentions, output_hidden_states)
        remembers = (self.training or self.memory.states) and attention_mask is not None and not any(more)
        if remembers and (below := self._frozen_layers()) > 0:
            types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
            hidden = self.memory.hidden(self.bert, below, self.layers, input_ids, attention_mask, types)
            return self._output(hidden, attention_mask, labels, return_dict)
        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=True,
            return_dict=True,
        )
        hidden = [outputs.hidden_states[layer] for layer in self.layers]
        states = outputs.hidden_states if output_hidden_states else None
        return self._output(hidden, attention_mask, labels, return_dict, states, outputs.attentions)

    def _output(self, hidden, attention_mask, labels, return_dict, hidden_states=None, attentions=None):
        """The head's answer to the `hidden` states of the layers that it reads."""
        vectors = self.vectors(torch.cat(hidden, dim=-1), attention_mask)
        logits = self.classifier(self.dropout(vectors))
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits.view(-1, self.num_labels), labels.view(-1))
        output = self.output_class(loss=loss, logits=logits, hidden_states=hidden_states, attentions=attentions)
        return output.to_tuple() if return_dict is False else output

    def _frozen_layers(self) -> int:
        """How many layers are frozen; none where attention is computed in a way that takes no mask to be added."""
        return frozen.frozen_layers(self.bert) if self.config._attn_implementation in ("eager", "sdpa") else 0


class MeanPoolingClassifier(_Head):
    """A class for a whole text, by the mean of the vectors of its tokens: `logits [n, k]`."""

    output_class = SequenceClassifierOutput

    def __init__(self, config):
        super().__init__(config, config.text_layers)

    def vectors(self, hidden, attention_mask):
        return self.standardize(mean_of_tokens(hidden, attention_mask))


class MeanPoolingTagger(_Head):
    """A class for every token: `logits [n, length, k]`.

    The upper layers make the vectors of all tokens alike, for the sake of their mean, and forget what each one was. So
    they are left out (named entities of 400 Spanish sentences, logistic regression on the vectors of a layer: F1 0.61
    after eight layers, 0.42 after all twelve).
    """

    output_class = TokenClassifierOutput

    def __init__(self, config):
        super().__init__(config, config.token_layers)

    def vectors(self, hidden, attention_mask):
        if attention_mask is None:
            return self.standardize(hidden.flatten(0, 1)).view_as(hidden)
        kept = attention_mask.bool()
        standardized = torch.zeros_like(hidden)
        standardized[kept] = self.standardize(hidden[kept])  # padding is no part of the mean
        return standardized


def mean_of_tokens(hidden, attention_mask=None):
    """The mean over the tokens of `hidden [n, length, size]` that are no padding, `[n, size]`.

    >>> import torch
    >>> mean_of_tokens(torch.tensor([[[1.0], [3.0], [8.0]]]), torch.tensor([[1, 1, 0]])).tolist()
    [[2.0]]
    """
    if attention_mask is None:
        return hidden.mean(dim=1)
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


AutoConfig.register(MeanPoolingConfig.model_type, MeanPoolingConfig)
for auto, kind in {
    AutoModel: MeanPoolingEncoder,
    AutoModelForSequenceClassification: MeanPoolingClassifier,
    AutoModelForTokenClassification: MeanPoolingTagger,
}.items():
    auto.register(MeanPoolingConfig, kind)
