// Checks many reports and Power Query texts in one process, because each start of Node costs half a second.
// Reads {"reports": [folder], "queries": {name: text}} and writes the findings of each under the same keys.
import { readFileSync } from "node:fs";
import { getMetadataProvider, locateReport, runReportValidation } from "@microsoft/powerbi-report-authoring-cli";
import powerQuery from "@microsoft/powerquery-parser";

const asked = JSON.parse(readFileSync(0, "utf8"));
const answer = { reports: {}, queries: {} };

const provider = await getMetadataProvider();
for (const folder of asked.reports ?? []) {
  try {
    const { reportDir, defDir } = locateReport(folder);
    // Without the schemas, which are on a web server.
    const found = await runReportValidation({ reportDir, defDir, provider, skipSchema: true });
    answer.reports[folder] = Object.entries(found.diagnostics ?? {}).flatMap(([code, group]) =>
      group.items.map((item) => `${code}: ${item.message}`),
    );
    const counted = found.errorCount + found.warningCount;
    if (counted !== answer.reports[folder].length) answer.reports[folder].push(`${counted} findings were counted`);
  } catch (error) {
    answer.reports[folder] = [`${error.code ?? error.name}: ${error.message}`];
  }
}

const { DefaultSettings, TaskUtils } = powerQuery;
for (const [name, text] of Object.entries(asked.queries ?? {})) {
  const task = await TaskUtils.tryLexParse(DefaultSettings, text);
  answer.queries[name] = TaskUtils.isParseStageOk(task) ? [] : [task.error?.message ?? "is no Power Query"];
}

process.stdout.write(JSON.stringify(answer));
