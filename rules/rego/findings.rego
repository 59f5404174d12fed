# What detectors saw, and what that comes to by the table of the link.
#
# A table is a list of rows, such as {"detector": "de.iban", "strength": "medium", "distinct": 3, "action": "hold"}. A row
# matches a finding if it names its detector and all that it demands is there:
#   detector          a name, or a family by a star at its end
#   strength          at least so sure: low, medium, high
#   distinct          at least so many different values in the unit
#   distinct_in_hour  at least so many in the room within the hour
#   mislabelled       true: only a marking that the unit's label does not cover
#   direction         only what leaves our zone (outbound), or only what enters it (inbound); both if it is not given.
#                     In the other direction it is as if the row were not there
#   action            log, wait, hold, redact or drop; redact if it is not given
#   checks            with wait: the gateway's checks that must all let it pass, such as ["scanner"]
# For each detector those rows count that name it most closely: its own name before a family, a smaller family before a
# larger. Of all that match the most severe decides. A finding whose detector no row names was not thought of when the
# table was written, and is denied. With a row that is not of this shape (tables.rego) the table releases nothing.
package sluice.release

# Tables have names, so that links may share one.
table := data.settings.dlp[settings.dlp]

found contains finding.detector if some finding in input.findings

here := [row | some row in table; object.get(row, "direction", input.link.direction) == input.link.direction]

# The rows that name a detector most closely. Undefined where none does.
rows[detector] := nearest if {
	some detector in found
	closest := max({count(row.detector) | some row in here; names(row.detector, detector)})
	nearest := [row | some row in here; count(row.detector) == closest; names(row.detector, detector)]
}

names(pattern, detector) if pattern == detector

names(pattern, detector) if {
	endswith(pattern, "*")
	startswith(detector, trim_suffix(pattern, "*"))
}

matches(row, finding) if {
	rank(finding.strength) >= rank(object.get(row, "strength", "low"))
	finding.distinct >= object.get(row, "distinct", 0)
	finding.distinct_in_hour >= object.get(row, "distinct_in_hour", 0)
	mislabelled(finding) in {object.get(row, "mislabelled", false), true}
}

# A marking asks for a label that is at least as high; it never lowers one. A marking of no loaded policy cannot be
# compared with any label.
mislabelled(finding) := finding.marking.mislabelled if is_object(finding.marking)

mislabelled(finding) if is_null(finding.marking)

# A strength that this table does not know counts as the highest.
rank(strength) := object.get({"low": 1, "medium": 2, "high": 3}, strength, 3)

severity(row) := object.get(data.sluice.tables.severities, object.get(row, "action", "redact"), 4)

# Every finding, and how severe what it comes to is.
outcomes contains [severity(row), finding.detector] if {
	some finding in input.findings
	some row in rows[finding.detector]
	matches(row, finding)
}

outcomes contains [4, detector] if {
	some detector in found
	not rows[detector]
}

worst := max({severity | some [severity, _] in outcomes})

worst_finding := concat("", ["dlp.", min({detector | some [severity, detector] in outcomes; severity == worst})]) if worst > 1

# What is no event has no redacted form, and nothing of it can wait.
worst_verdict := ["hold", "hold", "redact", "drop"][worst - 2] if input.kind == "pdu"

worst_verdict := "drop" if input.kind != "pdu"

# What only waits for checks waits for all that any row names. Without them a person decides.
waiting := {"checks": sort({check |
	some finding in input.findings
	some row in rows[finding.detector]
	matches(row, finding)
	severity(row) == 2
	some check in row.checks
})} if {
	worst == 2
	input.kind == "pdu"
} else := {}

findings_complete if {
	settings.dlp in data.sluice.tables.sound
	is_array(input.findings)
	input.link.direction in {"outbound", "inbound"}
	every finding in input.findings {
		is_string(finding.detector)
		is_number(finding.distinct)
		is_number(finding.distinct_in_hour)
		is_boolean(mislabelled(finding))
	}
}
