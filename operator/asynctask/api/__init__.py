"""The custom resource types: pydantic and the standard library only. One file per kind."""
