# Which tables of findings.rego are well formed. This hangs on the settings alone, so batch.rego asks it once a call and not
# once a unit.
package sluice.tables

# Actions, and how severe they are.
severities := {"log": 1, "wait": 2, "hold": 3, "redact": 4, "drop": 5}

# The names of those of which every row is.
sound contains name if {
	some name, rows in data.settings.dlp
	is_array(rows)
	every row in rows {
		well_formed(row)
	}
}

# Numbers that are no numbers and words that are misspelt would never match, and so release.
well_formed(row) if {
	is_string(row.detector)
	object.keys(row) - {"detector", "strength", "distinct", "distinct_in_hour", "mislabelled", "direction", "action", "checks"} == set()
	object.get(row, "strength", "low") in {"low", "medium", "high"}
	object.get(row, "action", "redact") in object.keys(severities)
	is_number(object.get(row, "distinct", 0))
	is_number(object.get(row, "distinct_in_hour", 0))
	is_boolean(object.get(row, "mislabelled", false))
	object.get(row, "direction", "outbound") in {"outbound", "inbound"}
	checks_fit(row)
}

checks_fit(row) if {
	object.get(row, "action", "redact") == "wait"
	count(row.checks) > 0
	every check in row.checks {
		is_string(check)
	}
}

checks_fit(row) if {
	object.get(row, "action", "redact") != "wait"
	not row.checks
}
