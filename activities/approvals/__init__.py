"""Whether an answer of a person is taken: asked by the approval workflow, for its reply and for the record."""
