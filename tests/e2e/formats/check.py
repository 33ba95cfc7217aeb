# SPDX-License-Identifier: MIT
"""check.py sarif FILE | junit FILE [SCHEMA beside this]: exit 0 if an independent reader takes the file."""
import json
import os
import sys

import attr
import jsonschema
import junitparser
import sarif_om

# Of which of the format's classes the objects under a name are; sarif_om's are made from OASIS' own schema.
CLASSES = {'': 'SarifLog', 'runs': 'Run', 'tool': 'Tool', 'driver': 'ToolComponent', 'rules': 'ReportingDescriptor',
           'shortDescription': 'MultiformatMessageString', 'fullDescription': 'MultiformatMessageString',
           'help': 'MultiformatMessageString', 'defaultConfiguration': 'ReportingConfiguration', 'results': 'Result',
           'message': 'Message', 'locations': 'Location', 'physicalLocation': 'PhysicalLocation',
           'artifactLocation': 'ArtifactLocation', 'region': 'Region', 'logicalLocations': 'LogicalLocation',
           'invocations': 'Invocation', 'suppressions': 'Suppression', 'toolExecutionNotifications': 'Notification'}
HERE = os.path.dirname(os.path.abspath(__file__))


def properties(o, name=''):
    """Every object has the properties that its class needs, and no others."""
    if isinstance(o, list):
        for e in o:
            properties(e, name)
    if not isinstance(o, dict) or name == 'properties':
        return
    fields = attr.fields(getattr(sarif_om, CLASSES[name]))
    known = {f.metadata['schema_property_name'] for f in fields}
    needed = {f.metadata['schema_property_name'] for f in fields if f.default is attr.NOTHING}
    assert needed <= set(o) <= known, (name, needed - set(o), set(o) - known)
    for key, value in o.items():
        properties(value, key)


def sarif(path):
    with open(path, encoding='utf-8') as f:
        log = json.load(f)
    with open(os.path.join(HERE, 'sarif.json'), encoding='utf-8') as f:
        schema = json.load(f)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(log, schema)
    properties(log)
    for run in log['runs']:  # SARIF 3.52.4: the index leads to the rule of that id
        rules = run['tool']['driver']['rules']
        for result in run['results']:
            assert rules[result['ruleIndex']]['id'] == result['ruleId'], result


def junit(path):
    """The schema cannot count; xmllint has read the rest."""
    kinds = {junitparser.Failure: 'failures', junitparser.Error: 'errors', junitparser.Skipped: 'skipped'}
    for suite in junitparser.JUnitXml.fromfile(path):
        told = {k: getattr(suite, k) for k in ('tests', 'failures', 'errors', 'skipped')}
        found = dict.fromkeys(told, 0)
        for case in suite:
            assert case.name and case.classname, path
            found['tests'] += 1
            for result in case.result:
                found[kinds[type(result)]] += 1
        assert told == found, (suite.name, told, found)


{'sarif': sarif, 'junit': junit}[sys.argv[1]](sys.argv[2])
