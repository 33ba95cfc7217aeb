# SPDX-License-Identifier: MIT
"""check.py sarif FILE | junit FILE [SCHEMA beside this]: exit 0 if an independent reader takes the file."""
import json
import os
import sys
import xml.etree.ElementTree

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))


def sarif(path):
    with open(path, encoding='utf-8') as f:
        log = json.load(f)
    with open(os.path.join(HERE, 'sarif.json'), encoding='utf-8') as f:
        schema = json.load(f)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(log, schema)
    for run in log['runs']:  # SARIF 3.52.4: the index leads to the rule of that id
        rules = run['tool']['driver']['rules']
        for result in run['results']:
            assert rules[result['ruleIndex']]['id'] == result['ruleId'], result


def junit(path):
    """The schema cannot count; xmllint has read the rest."""
    for suite in xml.etree.ElementTree.parse(path).getroot():
        cases = suite.findall('testcase')
        for attribute, element in (('failures', 'failure'), ('errors', 'error'), ('skipped', 'skipped')):
            count = sum(case.find(element) is not None for case in cases)
            assert int(suite.get(attribute)) == count, (suite.get('name'), attribute, count)
        assert int(suite.get('tests')) == len(cases), suite.get('name')


{'sarif': sarif, 'junit': junit}[sys.argv[1]](sys.argv[2])
