# Workers in Nomad (doc/clusters.md): nomad job run scripts/clusters/nomad.hcl
# To be changed: the datacenter, the user and the paths.  /srv/lab is the filesystem that all clients and the
# submitting host share.  raw_exec, because the exec driver's own root would hide it.
job "extfarm-worker" {
  datacenters = ["dc1"]
  type        = "service"

  group "workers" {
    count = 4

    task "worker" {
      driver = "raw_exec"
      user   = "extfarm"

      config {
        command = "/opt/extfarm/bin/extfarm-worker"
        args = [
          "--bind", "tcp://*:*",
          "--label", "nomad:${NOMAD_ALLOC_ID}",
          "--slots", "4",
          "--memory", "8",
          "--rendezvous", "/srv/lab/extfarm/workers",
          "--key-folder", "/srv/lab/extfarm",
        ]
      }

      # The signal drains a worker; its compiles have five minutes to end.
      kill_signal  = "SIGTERM"
      kill_timeout = "5m"

      resources {
        cores  = 4
        memory = 8192
      }
    }
  }
}
