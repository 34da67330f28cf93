"""What Grafana reads at its start, so that nobody has to click: data source, dashboards, alerts."""

from mmied.alerting import Settings, grafana_rules

DATASOURCES = """\
# Made by grafana/build.py. For /etc/grafana/provisioning/datasources/
apiVersion: 1
datasources:
  - name: Prometheus
    uid: mmied-prometheus
    type: prometheus
    access: proxy
    # $NAME and ${NAME} are read from Grafana's environment; $$ is a dollar sign.
    url: $MMIED_PROMETHEUS_URL
    jsonData:
      httpMethod: POST
      # Has to be Prometheus' own scrape_interval: with a shorter one panels of rates stay empty.
      timeInterval: 15s
      exemplarTraceIdDestinations:
        # Points in the heatmap of a model lead to the run that they are from.
        - name: run_id
          url: $MMIED_URL/runs/$${__value.raw}
          urlDisplayLabel: Run
"""

DASHBOARDS = """\
# Made by grafana/build.py. For /etc/grafana/provisioning/dashboards/
apiVersion: 1
providers:
  - name: mmied
    folder: mmied
    folderUid: mmied
    type: file
    # What is changed by hand would be lost at the next update: save a copy of a dashboard instead.
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: /var/lib/grafana/dashboards/mmied
"""

FILES = {
    "datasources/mmied.yaml": DATASOURCES,
    "dashboards/mmied.yaml": DASHBOARDS,
    # Grafana reads .yaml alone: whoever has no Prometheus rules takes the end off. With both, every alert comes twice.
    "alerting/mmied.yaml.off": grafana_rules(Settings()),
}
