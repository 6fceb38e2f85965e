"""The ClientApp: what a message asks is done in the warm trainer, where there is one, or here.

Beside a SuperNode Flower starts a process for every message. With a warm trainer this
process imports neither MindSpore nor pandas; without, it does all the work itself.
"""

from __future__ import annotations

from flwr.app import Context, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp

from clients.warm.asking import ask, trainer_named
from clients.warm.frames import Request

if not trainer_named():
    import clients.client  # noqa: F401  engines bind the threads that its import starts

app = ClientApp()


@app.query()
def statistics(message: Message, context: Context) -> Message:
    """Answer what the scaler and the class weights are made of."""
    return Message(_answer(MessageType.QUERY, message, context), reply_to=message)


@app.query("head_sums")
def head_sums(message: Message, context: Context) -> Message:
    """Answer loss and derivatives by the head, over training flows."""
    return Message(_answer("query.head_sums", message, context), reply_to=message)


@app.query("bias_sums")
def bias_sums(message: Message, context: Context) -> Message:
    """Answer loss and derivatives by the biases of the head, over validation flows."""
    return Message(_answer("query.bias_sums", message, context), reply_to=message)


@app.query("class_moments")
def class_moments(message: Message, context: Context) -> Message:
    """Answer sums of what the head reads of training flows, by class."""
    return Message(_answer("query.class_moments", message, context), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the global weights on the gateway's own flows."""
    return Message(_answer(MessageType.TRAIN, message, context), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Score the global weights on the gateway's own test flows."""
    return Message(_answer(MessageType.EVALUATE, message, context), reply_to=message)


def _answer(kind: str, message: Message, context: Context) -> RecordDict:
    """Return the reply's content: the warm trainer's, or else our own."""
    if trainer_named():
        found = ask(Request.of(kind, message.content, context))
        if found is not None:
            return found
    from clients.client import answer

    return answer(kind, message.content, context)
