"""A server over a knowledge base: OpenAI's and Ollama's wire formats, a small one of its own, and a page.

::

    request -> access -> dialect -> service -> queue -> generation thread
    (key, host)          (its own   (one       (one at   (KnowledgeBase, or the
                          errors)    knowledge  a time)   plain generator)
                                     base)

``app.create_app`` puts it together; ``run.serve`` listens.
"""
