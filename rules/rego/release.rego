# METADATA
# title: What may cross
# description: >-
#   The decision over one unit (an event, an EDU, a profile answer...). The facts about it are `input`, the profile's
#   tables are `data.settings`. The answer is one object: {"verdict": "...", "rule": "..."}.
#   Nothing is released unless a rule below says so: without an answer the unit is denied.
#   Label, signature and shape were judged before; a rule here can only be stricter.
package sluice.release

# A denial comes first: what a detector saw, then what this kind of unit may not carry. Only then may a rule release.
decision := {"verdict": denial, "rule": worst_finding} if {
	worst_finding
} else := {"verdict": denial, "rule": first_objection} if {
	first_objection
} else := {"verdict": "release", "rule": permission} if {
	facts_complete
}

# What is missing makes the rules above undefined, that is, silent. So nothing is released on facts with a gap.
facts_complete if {
	input.label.granted in {true, null}
	is_array(input.label.notes)
	is_array(input.link.clearances)
	is_array(settings.dlp)
	is_array(input.findings)
	every finding in input.findings {
		is_string(finding.detector)
	}
}

# An event that is denied is relayed in its redacted form; of everything else there is no redacted form.
denial := "redact" if input.kind == "pdu"

denial := "drop" if input.kind != "pdu"

# ---------------------------------------------------------------------------------------------------------------------
# What detectors saw

# The rows of the table that apply to this link: its own, or those of "*".
settings := object.get(data.settings.links, input.link.name, data.settings.links["*"])

denied_detectors contains finding.detector if {
	some finding in input.findings
	some row in settings.dlp
	names(object.get(row, "detector", "*"), finding.detector)
	rank(object.get(finding, "strength", "high")) >= rank(object.get(row, "strength", "low"))
	not covered_by_label(row)
}

# What no row of the table names was not thought of when the table was written.
denied_detectors contains finding.detector if {
	some finding in input.findings
	not listed(finding.detector)
}

listed(detector) if {
	some row in settings.dlp
	names(object.get(row, "detector", "*"), detector)
}

# A row names one detector, or a family of them by a star at the end.
names(pattern, detector) if pattern == detector

names(pattern, detector) if {
	endswith(pattern, "*")
	startswith(detector, trim_suffix(pattern, "*"))
}

# A marking may stand in an event whose label says the same.
covered_by_label(row) if {
	input.label.granted == true
	input.label.classification in row.unless_label
}

worst_finding := concat("", ["dlp.", min(denied_detectors)]) if count(denied_detectors) > 0

# A strength that this table does not know counts as the highest.
rank(strength) := object.get({"low": 1, "medium": 2, "high": 3}, strength, 3)

# ---------------------------------------------------------------------------------------------------------------------
# What a kind of unit may not carry

objections contains "label_not_granted" if input.label.granted == false

# What grants a label is a clearance, so one that was granted without any was not decided at all.
objections contains "label_without_clearance" if {
	input.label.granted == true
	count(input.link.clearances) == 0
}

objections contains "edu_not_allowed" if {
	input.kind == "edu"
	not input.event.type in input.link.edus
}

objections contains "profile_field_not_allowed" if {
	input.kind == "profile"
	some field, _ in input.event.content
	not field in settings.profile_fields
}

# The public room directory and space summaries name rooms that nobody was invited to.
objections contains "directory_not_allowed" if {
	input.kind == "directory"
	not settings.directory
}

objections contains "summary_not_allowed" if {
	input.kind == "summary"
	not settings.summary
}

first_objection := min(objections) if count(objections) > 0

# ---------------------------------------------------------------------------------------------------------------------
# What may be released

permission := permissions[input.kind]

# Every kind of unit, and the name under which it is released. A kind that is missing here is never released.
permissions := {
	"pdu": "event",
	"stripped_state": "stripped_state",
	"template": "template",
	"edu": "edu_allowed",
	"profile": "profile",
	"device_list": "device_list",
	"keys": "keys",
	"claim": "claim",
	"key_document": "key_document",
	"directory": "directory",
	"summary": "summary",
	"ids": "ids",
}
