// The thread of the window into a test network. It works on nothing of the network's.
import { NetworkBoard } from './network-board.ts'
import { NetworkRoutes } from './network-routes.ts'
import { runThread } from './thread.ts'

runThread(
  (clocks) => new NetworkBoard(clocks),
  (board, about) => {
    const routes = new NetworkRoutes(board, about)
    return (path, query) => routes.answer(path, query)
  },
)
