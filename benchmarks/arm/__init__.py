"""How fast the host runtime's loops are on 64-bit Arm, by a model of the processor: no Arm machine computes here."""
