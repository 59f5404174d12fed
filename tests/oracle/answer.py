"""Says of each value on standard input (JSON: a list of [kind, value]) whether python-stdnum takes it for valid."""

import json
import sys

from stdnum import iban, luhn
from stdnum.de import idnr

CHECKS = {"steuer_id": idnr.is_valid, "iban": iban.is_valid, "card": luhn.is_valid}

json.dump([CHECKS[kind](value) for kind, value in json.load(sys.stdin)], sys.stdout)
