"""A trainer that stays alive beside a SuperNode, and how a ClientApp asks it.

Flower starts a process for every message. Importing MindSpore, reading flows and compiling
the network would cost seconds each time; the warm trainer has them ready from one message
to the next, and from one run to the next with the same settings::

    python -m clients.warm FOLDER        # beside: FEDNIDS_WARM=FOLDER flower-supernode ...

`serving` is the trainer, `asking` the ClientApp's half, `folder` where they meet and who may,
`frames` what goes between them, as bytes. Nothing but `serving`'s work imports a framework.
"""
