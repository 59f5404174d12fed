# METADATA
# title: What may cross
# description: >-
#   The decision over one unit (an event, an EDU, a profile answer...). The facts about it are `input`, the profile's
#   tables are `data.settings`. The answer is one object: {"verdict": "...", "rule": "..."}.
#   Nothing is released unless a rule below says so: without an answer the unit is denied.
#   Label, signature and shape were judged before; a rule here can only be stricter.
package sluice.release

# A denial comes first: what a detector saw (findings.rego), then what this kind of unit may not carry. What only waits
# comes last of them. Only then may a rule release.
decision := {"verdict": worst_verdict, "rule": worst_finding} if {
	worst_finding
	worst_verdict != "hold"
} else := {"verdict": denial, "rule": first_objection} if {
	first_objection
} else := object.union({"verdict": worst_verdict, "rule": worst_finding}, waiting) if {
	worst_finding
} else := {"verdict": "release", "rule": permission} if {
	facts_complete
}

# What is missing makes the rules above undefined, that is, silent. So nothing is released on facts with a gap.
facts_complete if {
	input.label.granted in {true, null}
	is_array(input.label.notes)
	is_array(input.link.clearances)
	findings_complete
}

# The row of tables for this link: its own, or that of "*".
settings := object.get(data.settings.links, input.link.name, data.settings.links["*"])

# An event that is denied is relayed in its redacted form; of everything else there is no redacted form.
denial := "redact" if input.kind == "pdu"

denial := "drop" if input.kind != "pdu"

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
	not field in object.get(input.link, "profile_fields", [])
}

# What names rooms to those who were not invited to them, and what the link must open for it.
opened_by := {
	"alias": "aliases",
	"directory": "public_rooms",
	"summary": "hierarchy",
}

objections contains concat("_", [input.kind, "not_allowed"]) if {
	opening := opened_by[input.kind]
	not opening in object.get(input.link, "opens", [])
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
	"alias": "alias",
	"search": "search",
	"summary": "summary",
	"ids": "ids",
}
