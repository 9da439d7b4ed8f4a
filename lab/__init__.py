"""Emulators of the providers, on loopback, for tests and for trying the product.

One port plays them all: `/openai/v1/…`, `/anthropic/v1/…`, `/mistral/v1/…`. The openai SDK takes
`http://127.0.0.1:9104/openai/v1` as its base; those of Anthropic and Mistral add the `/v1` themselves.
`python -m lab --port 9104` serves them; `async with Lab() as lab` does so inside a test.

Nothing has to be said beforehand. Answers follow from the request alone, byte for byte: a text quotes the last
user message; tools are called when a user turn has the word "tool" in it, or when they are demanded, two at once
where that is allowed; a JSON Schema is answered by an instance; models that reason do. What a vendor would refuse
is refused as the vendor does it. Keys are good unless their text says `invalid`, `forbidden` or `noquota`; AWS's
access key IDs say it too, and the secret of each is `lab-secret-access-key`.

A model's name can end in directives, for clients that can say nothing else (`gpt-4o-lab-delay-50-lab-cut`):

    lab-status-503               the vendor's answer with a status; lab-status-429-after-7 adds Retry-After
    lab-html-502  lab-empty      a proxy's page; 200 with nothing in it
    lab-redirect                 307 to where no client should go
    lab-echo-key                 400 with the key in its message
    lab-delay-2000               milliseconds before the headers
    lab-reset                    RST in the middle; lab-reset-after-20-bytes, lab-reset-after-head
    lab-cut                      FIN in the middle; lab-cut-after-20-bytes, lab-cut-after-head
    lab-half-open                silence from the middle on; lab-half-open-after-20-bytes, -after-head
    lab-slow-bytes               a byte each millisecond; lab-slow-bytes-16-20 is 16 bytes each 20 ms
    lab-bytes-7                  writes of 7 bytes, without waiting
    lab-malformed                JSON that stops short; -frame, -utf8, -chunking, -head spoil something else
    lab-duplicate                the first event twice; -last, -all
    lab-error-midstream          the vendor's own error event, and nothing after it
    lab-unfinished               a stream that ends cleanly without its ending
    lab-crlf  lab-comments       other ways to frame the same events
    lab-huge-100000-chunks       so many words, as fast as they are read
    lab-huge-event-2000000       one delta of so many bytes
    lab-paced-40-50              40 words, 50 ms apart

Bytes are counted on the wire, from the status line's first. The same faults wait in a queue per provider when
they come from `Lab.fault` or `PUT /_lab/faults` (fields: `lab.faults.Fault`); answers wait in one when they come
from `Lab.script` or `PUT /_lab/script` (fields: `lab.script.Answer`); recordings answer first, and for their own
paths, when they come from `Lab.replay`, `--replay` or `PUT /_lab/replay`. `GET /_lab/requests` shows what was
received, `GET /_lab/stats` counts, and tells when clients left while they were being answered, on the monotonic
clock that processes of one machine share. `DELETE /_lab` forgets it all. `GET /_lab` lists the routes.

Carriers of telephone calls call back, and connect media sockets: who picks up, what is said and pressed, and how notices go
astray is scripted at `/_lab/carriers/` (see `lab.carrier`).
"""

from lab.faults import Fault
from lab.lab import Lab
from lab.script import Answer, RawChunk, ScriptedCall

__all__ = ["Answer", "Fault", "Lab", "RawChunk", "ScriptedCall"]
