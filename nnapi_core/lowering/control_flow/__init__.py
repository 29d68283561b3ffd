"""Control flow on NNAPI: IF and WHILE over submodels."""
