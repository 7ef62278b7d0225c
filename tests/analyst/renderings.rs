//! What other systems are given is what they take: OCSF events by the schema of its makers, findings by
//! AWS's own model of Security Hub.

use outflow::alert::Alert;
use outflow::alert::render::{Unplaced, asff, ocsf};
use serde_json::{Value, json};

use crate::fixture::{fixture, scan};
use crate::python::python;
use crate::venv;

/// Security Hub takes no larger finding, bytes.
const ASFF_BYTES_MAX: usize = 240 * 1024;

/// Alerts of the fixture, and some that hold the worst that logs can.
fn alerts() -> Vec<Alert> {
    let dir = tempfile::tempdir().unwrap();
    let assert = scan(fixture(), &["--lake", dir.path().join("lake").to_str().unwrap()]).success();
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let real: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(real.len() > 20 && real.iter().any(|alert| alert["guardduty"]["status"] == "agrees"));
    let worst = ["\u{1b}[31m<script>\u{202e}\"\\", "x", "größer ", "\u{10fffd}\n"];
    let spoilt = worst.iter().enumerate().map(|(at, text)| {
        let mut alert = real[at].clone();
        spoil(&mut alert, &text.repeat(3_000));
        alert
    });
    let all = real.iter().cloned().chain(spoilt);
    all.map(|alert| serde_json::from_value(alert).unwrap()).collect()
}

/// Puts `text` where logs can have a say: everywhere but in words of ours, times and hashes.
fn spoil(value: &mut Value, text: &str) {
    let ours = ["schema", "severity", "first_seen", "last_seen", "window_start", "emitted_at", "id"];
    match value {
        Value::Object(fields) => {
            let foreign = fields.iter_mut().filter(|(name, _)| !ours.contains(&name.as_str()));
            foreign.for_each(|(_, field)| spoil(field, text));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, text)),
        Value::String(old) => text.clone_into(old),
        _ => {}
    }
}

/// Whether there are no complaints about `good`, and some about each of `bad`.
fn judge(errors: Value, good: usize) {
    let errors: Vec<Vec<String>> = serde_json::from_value(errors).unwrap();
    assert_eq!(errors[..good].concat(), Vec::<String>::new());
    assert!(errors[good..].iter().all(|found| !found.is_empty()), "{:?}", &errors[good..]);
}

#[test]
fn every_ocsf_event_is_what_its_schema_says() {
    let script = "
import json, sys, jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
events = json.load(sys.stdin)
ocsf = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=events[0]['metadata']['version']))
name = ocsf.lookup_class_name_from_uid(class_uid=events[0]['class_uid'])
schema = ocsf.get_class_schema(class_name=name, profiles=events[0]['metadata']['profiles'])
validator = jsonschema.Draft202012Validator(schema)
print(json.dumps([[f'{e.json_path}: {e.message}'[:300] for e in validator.iter_errors(x)] for x in events]))";
    let mut events: Vec<Value> = alerts().iter().map(ocsf).collect();
    let good = events.len();
    for (object, field, value) in [
        ("finding_info", "uid", Value::Null),
        ("metadata", "made_up", json!("x")),
        ("cloud", "provider", json!(7)),
    ] {
        let mut event = events[0].clone();
        event[object][field] = value;
        events.push(event);
    }
    let Some(errors) = python(script, &json!(events)) else { return };
    judge(errors, good);
}

#[test]
fn every_finding_is_what_security_hub_takes() {
    // What botocore leaves to the service is asked here: patterns, closed sets, largest sizes.
    let script = r"
import json, re, sys
from botocore.session import get_session
from botocore.validate import ParamValidator
operation = get_session().get_service_model('securityhub').operation_model('BatchImportFindings')
def service(shape, value, at, errors):
    most = shape.metadata.get('max')
    if most is not None and (len(value) if isinstance(value, (str, list, dict)) else value) > most:
        errors.append(f'{at}: more than {most}')
    if shape.type_name == 'structure':
        for name, member in value.items():
            if name in shape.members:
                service(shape.members[name], member, f'{at}.{name}', errors)
    elif shape.type_name == 'list':
        for item in value:
            service(shape.member, item, f'{at}[]', errors)
    elif shape.type_name == 'map':
        for name, member in value.items():
            service(shape.key, name, f'{at} key', errors)
            service(shape.value, member, f'{at}.{name}', errors)
    elif shape.type_name == 'string':
        pattern = shape.metadata.get('pattern')
        if pattern and not re.search(pattern, value):
            errors.append(f'{at}: not like {pattern}')
        if shape.enum and value not in shape.enum:
            errors.append(f'{at}: none of {shape.enum}')
def judge(finding):
    request = {'Findings': [finding]}
    report = ParamValidator().validate(request, operation.input_shape)
    errors = [report.generate_report()] if report.has_errors() else []
    if not errors:
        service(operation.input_shape, request, '', errors)
    return errors
print(json.dumps([judge(finding) for finding in json.load(sys.stdin)]))";
    let alerts = alerts();
    // Alerts of no account are no findings; the worst of the rest is to be taken all the same.
    let (account, region) = (&alerts[0].account, &alerts[0].region);
    let finding = |alert: &Alert| {
        let placed = Alert { account: account.clone(), region: region.clone(), ..alert.clone() };
        asff(alert).or_else(|Unplaced| asff(&placed)).unwrap()
    };
    let mut findings: Vec<Value> = alerts.iter().map(finding).collect();
    assert!(findings.iter().all(|finding| finding.to_string().len() <= ASFF_BYTES_MAX));
    let good = findings.len();
    for (field, value) in [
        ("Title", Value::Null),
        ("MadeUp", json!("x")),
        ("Description", json!("")),
        ("RecordState", json!("GONE")),
        ("Network", json!({ "DestinationPort": "443" })),
    ] {
        let mut finding = findings[0].clone();
        finding[field] = value;
        findings.push(finding);
    }
    let Some(errors) = venv::python("moto", &venv::MOTO, script, &json!(findings)) else { return };
    judge(errors, good);
}
