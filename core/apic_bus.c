/* apic_bus.c - who on the APIC bus hears which message. */
#include "core/apic_bus.h"
#include "core/trace.h"

typedef struct Agent {
    const ApicLocal *local; /* NULL: an I/O APIC */
    void (*eoi)(void *opaque, uint8_t vector);
    void *opaque;
} Agent;

struct ApicBus {
    GArray *agents; /* of Agent */
};

ApicBus *apic_bus_new(void)
{
    ApicBus *bus = g_new0(ApicBus, 1);

    bus->agents = g_array_new(FALSE, FALSE, sizeof(Agent));
    return bus;
}

void apic_bus_free(ApicBus *bus)
{
    if (!bus)
        return;
    g_array_unref(bus->agents);
    g_free(bus);
}

static void add(ApicBus *bus, Agent agent)
{
    if (bus)
        g_array_append_val(bus->agents, agent);
}

void apic_bus_add_local(ApicBus *bus, const ApicLocal *local, void *opaque)
{
    add(bus, (Agent){.local = local, .opaque = opaque});
}

void apic_bus_add_io(ApicBus *bus, void (*eoi)(void *opaque, uint8_t vector), void *opaque)
{
    add(bus, (Agent){.eoi = eoi, .opaque = opaque});
}

static const Agent *agent_at(const ApicBus *bus, unsigned i)
{
    return bus && i < bus->agents->len ? &g_array_index(bus->agents, Agent, i) : NULL;
}

void apic_bus_remove(ApicBus *bus, void *opaque)
{
    const Agent *agent;

    for (unsigned i = 0; (agent = agent_at(bus, i));) {
        if (agent->opaque == opaque)
            g_array_remove_index(bus->agents, i);
        else
            i++;
    }
}

/* [SDM3] "Lowest Priority Delivery Mode": the focus processor, else the lowest priority, else the
 * first of several. */
static bool send_lowest(ApicBus *bus, const ApicMessage *message)
{
    const Agent *agent, *best = NULL;
    int best_priority = APIC_PRIORITY_UNABLE;

    for (unsigned i = 0; (agent = agent_at(bus, i)); i++) {
        if (!agent->local || !agent->local->matches(agent->opaque, message))
            continue;
        int priority = agent->local->priority(agent->opaque, message);
        if (priority < best_priority) {
            best = agent;
            best_priority = priority;
        }
    }
    if (best)
        best->local->accept(best->opaque, message);
    return best != NULL;
}

bool apic_bus_send(ApicBus *bus, const ApicMessage *message)
{
    const Agent *agent;
    bool taken = false;

    trace_apic_send(message->dest, message->logical, message->delivery, message->vector);
    if (message->delivery == APIC_LOWEST)
        return send_lowest(bus, message);
    for (unsigned i = 0; (agent = agent_at(bus, i)); i++) {
        if (!agent->local || !agent->local->matches(agent->opaque, message))
            continue;
        agent->local->accept(agent->opaque, message);
        taken = true;
    }
    return taken;
}

void apic_bus_broadcast(ApicBus *bus, const ApicMessage *message, const void *except)
{
    const Agent *agent;

    for (unsigned i = 0; (agent = agent_at(bus, i)); i++)
        if (agent->local && agent->opaque != except)
            agent->local->accept(agent->opaque, message);
}

void apic_bus_eoi(ApicBus *bus, uint8_t vector)
{
    const Agent *agent;

    for (unsigned i = 0; (agent = agent_at(bus, i)); i++)
        if (agent->eoi)
            agent->eoi(agent->opaque, vector);
}

void apic_bus_msi(ApicBus *bus, PhysAddr address, uint32_t data)
{
    ApicMessage message = {
        .dest = bits_get(address, 12, 8),
        .logical = bit_get(address, 2),
        .delivery = bits_get(data, 8, 3),
        .vector = data,
        .level = bit_get(data, 15),
    };

    apic_bus_send(bus, &message);
}
