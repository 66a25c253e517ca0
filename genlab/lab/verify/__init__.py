"""Ring 3: checks what students hand in. Nothing of a submission is executed or unpickled."""
