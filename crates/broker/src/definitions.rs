//! The topology as `RabbitMQ` definitions, for brokers whose operators import them.

use serde_json::json;

use crate::topology::{Binding, Exchange, Queue, Topology};

impl Topology {
    /// As `RabbitMQ` definitions, for `rabbitmqctl import_definitions` or a Kubernetes operator.
    pub fn definitions(&self, vhost: &str) -> serde_json::Value {
        let exchange = |e: &Exchange| {
            json!({"name": e.name, "vhost": vhost, "type": e.kind, "durable": true,
                   "auto_delete": false, "internal": false, "arguments": {}})
        };
        let queue = |q: &Queue| {
            json!({"name": q.name, "vhost": vhost, "durable": true, "auto_delete": false,
                   "arguments": q.arguments})
        };
        let binding = |b: &Binding| {
            json!({"source": b.exchange, "vhost": vhost, "destination": b.queue,
                   "destination_type": "queue", "routing_key": b.key, "arguments": {}})
        };
        json!({
            "exchanges": self.exchanges.iter().map(exchange).collect::<Vec<_>>(),
            "queues": self.queues.iter().map(queue).collect::<Vec<_>>(),
            "bindings": self.bindings.iter().map(binding).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::topology::{TopologyOptions, topology};

    #[test]
    fn definitions_carry_everything() {
        let topology = topology(&TopologyOptions { prefix: "t.".into(), max_queue_length: 7 });
        let definitions = topology.definitions("/");
        assert_eq!(definitions["queues"].as_array().unwrap().len(), topology.queues.len());
        assert_eq!(definitions["bindings"].as_array().unwrap().len(), topology.queues.len());
        assert_eq!(definitions["queues"][0]["arguments"]["x-max-length"], 7);
        assert_eq!(definitions["exchanges"][0]["type"], "direct");
    }
}
