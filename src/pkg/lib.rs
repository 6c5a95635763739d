//! The package manager: plans, transactions, receipts, commands.
