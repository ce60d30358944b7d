/*
 * A piece of a chain's work in a thread of its own, beside the chain: what it needs later (a second
 * connection) is made while it does something else. Part of the runner.
 *
 * The work has storage of its own, and of the session only reads what does not change while the
 * chain runs: settings, trust, endpoint, connect, the limits. It may call run_krb(). The chain does
 * not look at what the work fills before it has joined it, and joins it before it ends.
 */
#ifndef PROBES_RUN_BESIDE_H
#define PROBES_RUN_BESIDE_H

#include "probes/session.h"

struct beside;

/* Steps of the work take beside_limit(): its cancel_fd is raised when the run ends or nobody wants
 * the work any more. */
typedef void beside_work(void *context, const struct beside *beside);
struct net_limit beside_limit(const struct beside *beside);

/* Never NULL. Where no thread is to be had the work is done at once, here. */
struct beside *run_beside(struct session *session, beside_work *work, void *context);
/* Waits for the end of the work, from any thread; false: the run ends before. */
bool beside_wait(const struct beside *beside);
void beside_cut(const struct beside *beside); /* NULL is allowed; cuts it short */
/* Waits, and frees it; the work is cut short when the run ends. NULL is allowed. */
void beside_join(struct beside *beside);
void beside_drop(struct beside *beside); /* likewise, and cuts it short at once */

#endif
